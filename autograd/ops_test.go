package autograd_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

// eachBackend runs a test on every backend of this program.
func eachBackend(t *testing.T, f func(t *testing.T, b backend.Backend)) {
	require.NotEmpty(t, backend.Names())
	for _, name := range backend.Names() {
		t.Run(name, func(t *testing.T) {
			b, err := backend.Open(name, backend.Config{})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, b.Close()) })
			f(t, b)
		})
	}
}

func eachCase(t *testing.T, op *autograd.Op, f func(t *testing.T, c autograd.Case)) {
	require.NotNil(t, op.Cases, "%s has no cases", op.Name)
	cases := op.Cases()
	require.NotEmpty(t, cases, "%s has no cases", op.Name)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { f(t, c) })
	}
}

func TestEveryGradient(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend.Backend) {
		for _, op := range autograd.Ops() {
			t.Run(op.Name, func(t *testing.T) {
				eachCase(t, op, func(t *testing.T, c autograd.Case) {
					if op.VJP == nil && op.Ref == nil {
						checkNoGradient(t, b, op, c)
						return
					}
					assert.NoError(t, gradcheck.Op(b, op, c))
				})
			})
		}
	})
}

// checkNoGradient wants an op without a gradient to run on constants and to
// panic with its name on a tracked operand.
func checkNoGradient(t *testing.T, b backend.Backend, op *autograd.Op, c autograd.Case) {
	tape := autograd.NewTape(b)
	defer tape.Free()
	var in []*autograd.Var
	for _, o := range c.In {
		x := backend.Zeros(b, tensor.Float64, o.Shape...)
		defer backend.Release(b, x)
		in = append(in, tape.Input(x))
	}
	assert.PanicsWithValue(t, "autograd: "+op.Name+" has no gradient, and an operand is tracked", func() {
		autograd.Apply(op, c.Attr, in...)
	})
}

func TestFusedAgainstRef(t *testing.T) {
	tolerances := map[tensor.DType]float64{tensor.Float64: 1e-10, tensor.Float32: 3e-5}
	eachBackend(t, func(t *testing.T, b backend.Backend) {
		for _, op := range autograd.Ops() {
			if op.Ref == nil {
				continue
			}
			t.Run(op.Name, func(t *testing.T) {
				assert.True(t, op.Fused(b), "%s has no kernel for %s", b.Name(), op.Name)
				eachCase(t, op, func(t *testing.T, c autograd.Case) {
					for dtype, tol := range tolerances {
						assert.NoError(t, gradcheck.Ref(b, op, c, dtype, tol), "%v", dtype)
					}
				})
			})
		}
	})
}

func TestOpNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, op := range autograd.Ops() {
		assert.NotEmpty(t, op.Name)
		assert.False(t, seen[op.Name], "%s twice", op.Name)
		seen[op.Name] = true
		assert.True(t, (op.Fwd != nil) != (op.View != nil), "%s: one of Fwd and View", op.Name)
		assert.Equal(t, op.Ref != nil, op.Fused != nil, "%s: Ref and Fused go together", op.Name)
	}
}
