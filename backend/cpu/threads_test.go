package cpu

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// threadCases are kernels over tensors long enough to be shared out.
var threadCases = map[string]func(b *Backend, dst, x, y *tensor.Tensor){
	"Copy":      func(b *Backend, dst, x, _ *tensor.Tensor) { b.Copy(dst, x.Transpose()) },
	"Unary":     func(b *Backend, dst, x, _ *tensor.Tensor) { b.Unary(backend.Unary{Kind: backend.GELU}, dst, x) },
	"Binary":    func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Div, dst, x, y) },
	"Row":       func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Mul, dst, x, y.Slice(0, 3, 4)) },
	"Column":    func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Sub, dst, x, y.Slice(1, 3, 4)) },
	"SumAll":    reduced(backend.Sum, 1, 1),
	"SumRows":   reduced(backend.Sum, 1, side),
	"SumCols":   reduced(backend.Sum, side, 1),
	"SquareAll": reduced(backend.SumSquares, 1, 1),
	"MaxRows":   reduced(backend.Max, 1, side),
	"MatMul":    func(b *Backend, dst, x, y *tensor.Tensor) { b.MatMul(dst, x, y.Transpose(), false) },
	"Batch": func(b *Backend, dst, x, y *tensor.Tensor) {
		b.MatMul(dst.Reshape(side/8, 8, side), x.Reshape(side/8, 8, side), y.Reshape(side, side), false)
		b.MatMul(dst.Reshape(side/8, 8, side).Slice(2, 0, 8), x.Reshape(side/8, 8, side), y.Reshape(side/8, 8, side).Transpose(), true)
	},
	"ScatterAdd": func(b *Backend, dst, x, _ *tensor.Tensor) {
		b.Fill(dst, 0)
		index := backend.FromSlice(b, make([]int32, side), side)
		for i, at := 0, slice[int32](index); i < side; i++ {
			at[i] = int32(i * i % 31)
		}
		b.ScatterAdd(dst, x, index)
		b.Free(index.Buf)
	},
	"Uniform": randomly(backend.Dist{Kind: backend.Uniform, B: 1}),
	"Normal":  randomly(backend.Dist{Kind: backend.Normal, B: 1}),
	"Mask":    randomly(backend.Dist{Kind: backend.Mask, A: 0.3}),
}

const side = 264

func reduced(f backend.Reduce, rows, cols int) func(b *Backend, dst, x, _ *tensor.Tensor) {
	return func(b *Backend, dst, x, _ *tensor.Tensor) {
		b.Fill(dst, 0)
		b.Reduce(f, dst.Slice(0, 0, rows).Slice(1, 0, cols), x)
	}
}

func randomly(d backend.Dist) func(b *Backend, dst, _, _ *tensor.Tensor) {
	return func(b *Backend, dst, _, _ *tensor.Tensor) { b.Random(dst, d, tensor.Key{Seed: 5, Site: 1}) }
}

func TestResultsDoNotDependOnThreads(t *testing.T) {
	for name, run := range threadCases {
		t.Run(name, func(t *testing.T) {
			sameBits[float32](t, run)
			sameBits[float64](t, run)
		})
	}
}

func sameBits[T float](t *testing.T, run func(b *Backend, dst, x, y *tensor.Tensor)) {
	t.Helper()
	var want []T
	for _, threads := range []int{1, 2, 3} {
		b := open(t, threads)
		dst, x, y := backend.New(b, tensor.DTypeOf[T](), side, side), backend.New(b, tensor.DTypeOf[T](), side, side), backend.New(b, tensor.DTypeOf[T](), side, side)
		b.Random(x, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 1})
		b.Random(y, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 2})
		run(b, dst, x, y)
		got, err := backend.Data[T](b, dst)
		require.NoError(t, err)
		if threads == 1 {
			want = got
		}
		assert.Equal(t, want, got, "%d threads", threads)
		backend.Release(b, dst, x, y)
		assert.Zero(t, b.LiveBytes())
		assert.Zero(t, b.store.inUse, "scratch is given back")
	}
}

// A kernel costs the heap its closure, its loop and a few headers.
func TestKernelsAllocateLittle(t *testing.T) {
	b := open(t, 2)
	x, y, dst := backend.Zeros(b, tensor.Float32, 64, 96), backend.Zeros(b, tensor.Float32, 96), backend.Zeros(b, tensor.Float32, 64, 96)
	col, square := backend.Zeros(b, tensor.Float32, 64, 1), backend.Zeros(b, tensor.Float32, 64, 64)
	view := x.Transpose()
	for name, f := range map[string]func(){
		"Unary":   func() { b.Unary(backend.Unary{Kind: backend.Tanh}, dst, x) },
		"Row":     func() { b.Binary(backend.Add, dst, x, y) },
		"Column":  func() { b.Binary(backend.Mul, dst, x, col) },
		"Reduce":  func() { b.Reduce(backend.Sum, col, x) },
		"MatMul":  func() { b.MatMul(square, x, view, false) },
		"Scratch": func() { release(b, scratch[float32](b, 1000)) },
	} {
		assert.LessOrEqual(t, testing.AllocsPerRun(100, f), 8.0, name)
	}
}

func TestGoroutinesShareABackend(t *testing.T) {
	b := open(t, 2)
	var group sync.WaitGroup
	for seed := range uint64(4) {
		group.Go(func() {
			for range 20 {
				x, sum := backend.New(b, tensor.Float32, 200, 300), backend.New(b, tensor.Float32, 1, 300)
				b.Fill(x, float64(seed))
				b.Unary(backend.Unary{Kind: backend.Affine, A: 2, B: 1}, x, x)
				b.Reduce(backend.Sum, sum, x)
				got, err := backend.Data[float32](b, sum)
				assert.NoError(t, err)
				assert.Equal(t, 200*(2*float32(seed)+1), got[299])
				backend.Release(b, x, sum)
			}
		})
	}
	group.Wait()
	assert.Zero(t, b.LiveBytes())
}
