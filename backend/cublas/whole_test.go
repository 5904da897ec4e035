//go:build cgo && linux

package cublas

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/nntest"
	"github.com/tiller-ml/tiller/pplm/pplmtest"
	"github.com/tiller-ml/tiller/sharnn/sharnntest"
	"github.com/tiller-ml/tiller/tensor"
)

// TestGradients checks every op's gradient, and every kernel against the same in
// basic ops.
func TestGradients(t *testing.T) {
	b := open(t)
	for _, op := range autograd.Ops() {
		t.Run(op.Name, func(t *testing.T) {
			for _, c := range op.Cases() {
				if op.VJP != nil || op.Ref != nil {
					assert.NoError(t, gradcheck.Op(b, op, c), c.Name)
				}
				if op.Ref != nil {
					assert.True(t, op.Fused(b), "there is no kernel")
					assert.NoError(t, gradcheck.Ref(b, op, c, tensor.Float32, 3e-5), c.Name)
				}
			}
		})
	}
	assert.NoError(t, b.Sync())
	assert.Zero(t, b.LiveBytes())
}

// starts gives a suite backends on the simulator, of which nothing may be left.
func starts(t *testing.T) func() (backend.Backend, error) {
	m, driver := simulated(t)
	t.Cleanup(func() { assert.Empty(t, m.Leaks()) })
	return func() (backend.Backend, error) { return start(driver, backend.Config{}) }
}

func TestGoldenLayers(t *testing.T) { nntest.Golden(t, starts(t)) }
func TestGoldenSHARNN(t *testing.T) { sharnntest.Golden(t, starts(t)) }
func TestGoldenPPLM(t *testing.T)   { pplmtest.Golden(t, starts(t)) }
