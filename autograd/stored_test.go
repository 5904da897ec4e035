package autograd_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// storedCases are the ops that take weights of bfloat16 and Int8, by the shapes
// of their operands. The weights are at the places w; the first operand has a
// gradient.
var storedCases = []struct {
	name   string
	shapes [][]int
	w      []int
	run    func(in []*autograd.Var) *autograd.Var
}{
	{"matmul", [][]int{{2, 3, 40}, {40, 70}}, []int{1}, func(in []*autograd.Var) *autograd.Var { return autograd.MatMul(in[0], in[1]) }},
	{"matmul by a transpose", [][]int{{2, 3, 40}, {70, 40}}, []int{1}, func(in []*autograd.Var) *autograd.Var {
		return autograd.MatMul(in[0], autograd.Transpose(in[1]))
	}},
	{"linear", [][]int{{5, 1, 33}, {70, 33}, {70}}, []int{1}, func(in []*autograd.Var) *autograd.Var { return autograd.Linear(in[0], in[1], in[2]) }},
	{"linear by rows", [][]int{{5, 33}, {70, 33}, {8}}, []int{1}, func(in []*autograd.Var) *autograd.Var {
		return autograd.Linear(in[0], autograd.Slice(in[1], 0, 3, 11), in[2])
	}},
	{"boom", [][]int{{3, 2, 40}, {160, 40}, {160}}, []int{1}, func(in []*autograd.Var) *autograd.Var {
		return autograd.Boom(in[0], in[1], in[2], backend.Dropout{})
	}},
	{"linear cross-entropy", [][]int{{2, 2, 40}, {70, 40}, {70}}, []int{1}, func(in []*autograd.Var) *autograd.Var {
		t := in[0].Tape()
		return autograd.LinearCrossEntropy(in[0], in[1], in[2], t.Own(backend.FromSlice(t.Backend, []int32{0, 69, 3, 3}, 2, 2)))
	}},
	{"lstm", [][]int{{4, 3, 40}, {3, 33}, {3, 33}, {132, 40}, {132, 33}, {132}, {132}}, []int{3, 4}, func(in []*autograd.Var) *autograd.Var {
		y, hn, cn := autograd.LSTM(in[0], in[1], in[2], in[3], in[4], in[5], in[6])
		return autograd.Concat(0, y, autograd.Reshape(hn, 1, 3, 33), autograd.Reshape(cn, 1, 3, 33))
	}},
}

// Results and gradients with stored weights are those with what they stand for.
func TestStoredWeights(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend.Backend) {
		for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
			for _, c := range storedCases {
				t.Run(fmt.Sprint(d, " ", c.name), func(t *testing.T) {
					in, wide := make([]*tensor.Tensor, len(c.shapes)), make([]*tensor.Tensor, len(c.shapes))
					for i, shape := range c.shapes {
						in[i] = backend.New(b, tensor.Float32, shape...)
						b.Random(in[i], backend.Dist{Kind: backend.Normal, B: 0.3}, tensor.Key{Seed: uint64(i)})
						wide[i] = in[i]
					}
					for _, i := range c.w {
						in[i] = backend.New(b, d, c.shapes[i]...)
						b.Copy(in[i], wide[i])
						b.Copy(wide[i], in[i])
					}
					y, dx := forwardBackward(t, b, c.run, in)
					wantY, wantDX := forwardBackward(t, b, c.run, wide)
					near(t, wantY, y)
					near(t, wantDX, dx)
					backend.Release(b, in...)
					for _, i := range c.w {
						backend.Release(b, wide[i])
					}
				})
			}
		}
	})
}

func forwardBackward(t *testing.T, b backend.Backend, run func(in []*autograd.Var) *autograd.Var, in []*tensor.Tensor) (y, dx []float32) {
	tape := autograd.NewTape(b, in[0])
	defer tape.Free()
	vars := make([]*autograd.Var, len(in))
	for i, x := range in {
		vars[i] = tape.Leaf(x)
	}
	out := run(vars)
	y, err := backend.Data[float32](b, out.Value)
	require.NoError(t, err)
	grads := tape.Grad(autograd.Sum(autograd.Mul(out, out)), vars[0])
	dx, err = backend.Data[float32](b, grads[0])
	require.NoError(t, err)
	backend.Release(b, grads...)
	return y, dx
}

func near(t *testing.T, want, got []float32) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.InDelta(t, w, got[i], 1e-4*max(1, math.Abs(float64(w))), "element %d", i)
	}
}

func TestGatherFromStoredTable(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend.Backend) {
		for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
			table := backend.New(b, d, 3, 40)
			b.Fill(table, 2)
			index := backend.FromSlice(b, []int32{2, 0}, 2)
			tape := autograd.NewTape(b)
			got, err := backend.Data[float32](b, autograd.Gather(tape.Leaf(table), tape.Leaf(index)).Value)
			require.NoError(t, err)
			assert.Len(t, got, 80)
			assert.InDelta(t, 2, got[79], 1e-6)
			tape.Free()
			backend.Release(b, table, index)
		}
	})
}

func TestStoredWeightsAreNotTrained(t *testing.T) {
	eachBackend(t, func(t *testing.T, b backend.Backend) {
		w := backend.Zeros(b, tensor.Int8, 3, 40)
		defer backend.Release(b, w)
		want := "tracking [3 40]: weights of int8 are only read, they cannot be trained"
		assert.PanicsWithError(t, want, func() { autograd.NewTape(b, w) })
		assert.PanicsWithError(t, want, func() { autograd.NewTape(b).Input(w) })
		x := backend.Zeros(b, tensor.Float64, 2, 40)
		defer backend.Release(b, x)
		tape := autograd.NewTape(b)
		defer tape.Free()
		assert.PanicsWithError(t, "matmul [2 40], [40 3]: operands of float64 and float32", func() {
			autograd.MatMul(tape.Leaf(x), autograd.Transpose(tape.Leaf(w)))
		})
	})
}
