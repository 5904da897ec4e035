package pplm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// counting is a backend that counts gradients of weights: allocations of a
// matrix's size, and what layer norms are asked for.
type counting struct {
	*cpu.Backend
	matrices []int // lengths of the model's matrices
	count    int
}

func (c *counting) Alloc(d tensor.DType, n int) (tensor.Buffer, error) {
	if slices.Contains(c.matrices, n) {
		c.count++
	}
	return c.Backend.Alloc(d, n)
}

func (c *counting) LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor) {
	for _, g := range []*tensor.Tensor{dw, db} {
		if g != nil {
			c.count++
		}
	}
	c.Backend.LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy)
}

// countingModel is a model on such a backend.
func countingModel(t *testing.T) (*counting, *gpt2.Model) {
	c := &counting{Backend: openCPU(t, 1)}
	m := tiny(t, c, tensor.Float32)
	for _, p := range m.Params() {
		if p.Value.Rank() == 2 {
			c.matrices = append(c.matrices, p.Value.Len())
		}
	}
	return c, m
}

// Steering computes the gradient of no weight.
func TestNoGradientOfWeights(t *testing.T) {
	c, m := countingModel(t)
	r := request(t, 3, 6, false)
	r.Settings.Window = 0
	_, err := pplm.Generate(t.Context(), m, r, nil)
	require.NoError(t, err)
	assert.Zero(t, c.count)
}

// The same count finds them all where they are asked for.
func TestCountFindsGradients(t *testing.T) {
	c, m := countingModel(t)
	tape := autograd.NewTape(c, nn.Tensors(m)...)
	defer tape.Free()
	logits, _, _ := m.Step(tape, tape.Own(backend.FromSlice(c, []int32{1, 2}, 2, 1)), m.Start(1))
	var params []*autograd.Var
	for _, p := range m.Params() {
		params = append(params, p.On(tape))
	}
	backend.Release(c, tape.Grad(autograd.Sum(logits), params...)...)
	matrices, norms := 2+4*tinyConfig.Layers, 2*(1+2*tinyConfig.Layers)
	assert.GreaterOrEqual(t, c.count, matrices+norms)
}
