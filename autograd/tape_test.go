package autograd_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

func openCPU(t *testing.T) *cpu.Backend {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

// wantData compares a tensor's elements up to rounding.
func wantData(t *testing.T, b backend.Backend, want []float64, got *tensor.Tensor) {
	t.Helper()
	require.NotNil(t, got)
	data, err := backend.Data[float64](b, got)
	require.NoError(t, err)
	assert.Empty(t, cmp.Diff(want, data, cmpopts.EquateApprox(1e-12, 1e-12)))
}

func TestGradAddsUpOverUses(t *testing.T) {
	b := openCPU(t)
	x := backend.FromSlice(b, []float64{2, -3}, 2)
	defer backend.Release(b, x)
	tape := autograd.NewTape(b, x)
	defer tape.Free()
	// d/dx sum(x*x + 3x - x) = 2x + 2, over five uses of one leaf.
	v := tape.Leaf(x)
	y := autograd.Sub(autograd.Add(autograd.Mul(v, tape.Leaf(x)), autograd.Scale(v, 3)), v)
	g := tape.Grad(autograd.Sum(y), v)
	wantData(t, b, []float64{6, -4}, g[0])
	backend.Release(b, g...)
}

func TestGradSharesNoBuffer(t *testing.T) {
	b := openCPU(t)
	x, y := backend.FromSlice(b, []float64{1, 2}, 2), backend.FromSlice(b, []float64{3, 4}, 2)
	defer backend.Release(b, x, y)
	tape := autograd.NewTape(b, x, y)
	defer tape.Free()
	vx, vy := tape.Leaf(x), tape.Leaf(y)
	sum := autograd.Add(vx, vy)
	// The rule of add hands the same gradient to both operands and to sum.
	g := tape.Grad(autograd.Sum(sum), vx, vy, sum, vx)
	for i := range g {
		for j := range i {
			assert.NotSame(t, g[i].Buf, g[j].Buf, "%d and %d", i, j)
		}
		wantData(t, b, []float64{1, 1}, g[i])
	}
	backend.Release(b, g...)
}

func TestGradOnlyAlongPaths(t *testing.T) {
	b := openCPU(t)
	w, x := backend.FromSlice(b, []float64{2}, 1), backend.FromSlice(b, []float64{5}, 1)
	defer backend.Release(b, w, x)
	tape := autograd.NewTape(b, w, x)
	defer tape.Free()
	vw, vx := tape.Leaf(w), tape.Leaf(x)
	beside := autograd.Exp(vw) // no path to the loss
	g := tape.Grad(autograd.Sum(autograd.Mul(vx, autograd.Detach(autograd.Mul(vw, vx)))), vw, vx, beside)
	assert.Nil(t, g[0], "through Detach")
	assert.Nil(t, g[2], "beside the loss")
	wantData(t, b, []float64{10}, g[1])
	backend.Release(b, g...)
}

func TestTapeGivesBackAllItTook(t *testing.T) {
	b := openCPU(t)
	x := backend.FromSlice(b, make([]float64, 12), 3, 4)
	before := b.LiveBytes()
	for _, tracked := range []bool{false, true} {
		tape := autograd.NewTape(b)
		v := tape.Leaf(x)
		if tracked {
			tape = autograd.NewTape(b, x)
			v = tape.Leaf(x)
		}
		h := autograd.Softmax(autograd.Transpose(autograd.Tanh(v)))
		kept, view := autograd.Keep(h), autograd.Keep(autograd.Slice(h, 0, 0, 1))
		loss := autograd.Mean(autograd.Mul(h, h))
		if tracked {
			backend.Release(b, tape.Grad(loss, v)...)
		}
		_, err := backend.Data[float64](b, loss.Value)
		require.NoError(t, err, "the loss stays readable")
		tape.Free()
		tape.Free()
		backend.Release(b, kept, view)
		assert.Equal(t, before, b.LiveBytes(), "tracked %v", tracked)
	}
	backend.Release(b, x)
}

func TestMisuse(t *testing.T) {
	b := openCPU(t)
	x, y := backend.FromSlice(b, make([]float64, 6), 2, 3), backend.FromSlice(b, make([]float32, 6), 3, 2)
	defer backend.Release(b, x, y)
	shapes := func(f func(a, c *autograd.Var)) func() {
		return func() {
			tape := autograd.NewTape(b, x)
			defer tape.Free()
			f(tape.Leaf(x), tape.Leaf(y))
		}
	}
	for name, c := range map[string]struct {
		run  func()
		want string
	}{
		"dtypes":      {shapes(func(a, c *autograd.Var) { autograd.Add(a, c) }), "add [2 3], [3 2]: operands of float64 and float32"},
		"shapes":      {shapes(func(a, _ *autograd.Var) { autograd.MatMul(a, a) }), "matmul [2 3], [2 3]: want (..., M, K) and (..., K, N)"},
		"broadcast":   {shapes(func(a, _ *autograd.Var) { autograd.Mul(a, autograd.Slice(a, 1, 0, 2)) }), "mul [2 3], [2 2]: shapes do not broadcast"},
		"not a loss":  {shapes(func(a, _ *autograd.Var) { a.Tape().Grad(a, a) }), "Grad [2 3]: a loss is a single number"},
		"bad reshape": {shapes(func(a, _ *autograd.Var) { autograd.Reshape(a, 4) }), "Reshape [2 3]: 6 elements do not fill [4]"},
	} {
		t.Run(name, func(t *testing.T) {
			err := func() (err error) {
				defer tensor.Catch(&err)
				c.run()
				return nil
			}()
			var typed *tensor.Error
			require.True(t, errors.As(err, &typed))
			assert.Equal(t, c.want, err.Error())
		})
	}
	tape, other := autograd.NewTape(b, x), autograd.NewTape(b)
	defer tape.Free()
	defer other.Free()
	assert.PanicsWithValue(t, "autograd: add: operand 1 is on another tape", func() {
		autograd.Add(tape.Leaf(x), other.Leaf(x))
	})
	loss := autograd.Sum(tape.Leaf(x))
	backend.Release(b, tape.Grad(loss, tape.Leaf(x))...)
	assert.Panics(t, func() { tape.Grad(loss, tape.Leaf(x)) }, "a second pass")
	assert.Panics(t, func() { autograd.Sum(tape.Leaf(x)) }, "an op on a spent tape")
}

// A check that accepts any gradient would pass everything above it.
func TestGradcheckSeesAWrongGradient(t *testing.T) {
	b := openCPU(t)
	for _, n := range []int{5, 500} { // element by element, and along directions
		x := backend.New(b, tensor.Float64, n)
		b.Random(x, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 3})
		wrong := func(t *autograd.Tape) *autograd.Var {
			v := t.Leaf(x)
			return autograd.Sum(autograd.Mul(v, autograd.Detach(v))) // x^2 with the gradient of half of it
		}
		assert.Error(t, gradcheck.Func(b, wrong, x), "%d elements", n)
		right := func(t *autograd.Tape) *autograd.Var {
			v := t.Leaf(x)
			return autograd.Sum(autograd.Mul(v, v))
		}
		assert.NoError(t, gradcheck.Func(b, right, x), "%d elements", n)
		backend.Release(b, x)
	}
}

// A tape that is reset computes what a new one does, tracks the same tensors,
// and leaves alone what was taken off it.
func TestReset(t *testing.T) {
	b := openCPU(t)
	x := backend.FromSlice(b, []float64{2, -3}, 2)
	before := b.LiveBytes()
	tape := autograd.NewTape(b, x)
	var kept []*tensor.Tensor
	for step := range 4 {
		v := tape.Leaf(x)
		y := autograd.Mul(v, tape.Own(backend.FromSlice(b, []float64{float64(step), 1}, 2)))
		kept = append(kept, autograd.Keep(y))
		g := tape.Grad(autograd.Sum(autograd.Mul(y, y)), v)
		wantData(t, b, []float64{float64(4 * step * step), -6}, g[0])
		backend.Release(b, g...)
		tape.Reset()
		for i, k := range kept {
			wantData(t, b, []float64{float64(2 * i), -3}, k)
		}
		assert.Equal(t, before+int64(16*len(kept)), b.LiveBytes())
	}
	z := backend.FromSlice(b, []float64{1}, 1)
	assert.True(t, tape.Input(z).Tracked())
	assert.True(t, tape.Input(x).Tracked())
	tape.Reset() // without a backward pass
	assert.False(t, tape.Leaf(z).Tracked(), "Input is for one pass")
	assert.True(t, tape.Leaf(x).Tracked())
	tape.Free()
	assert.Panics(t, func() { autograd.Sum(tape.Leaf(x)) }, "an op on a spent tape")
	backend.Release(b, append(kept, x, z)...)
}
