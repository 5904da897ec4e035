//go:build cgo && linux

package cublas

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// TestReduceAsOnTheCPU folds tensors by each way of folding, in one piece and in
// several.
func TestReduceAsOnTheCPU(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, share float64) {
		for _, c := range foldCases {
			x, dst := w.normals(1, 1, d, nil, c.from...), w.out(d, c.to...)
			for f := range backend.ReduceKinds {
				w.cpu.Reduce(f, dst.cpu, x.cpu)
				w.gpu.Reduce(f, dst.gpu, x.gpu)
				w.same(fmt.Sprint(f, c), dst, share)
			}
		}
	})
}

// TestReduceOfBFloat16 folds what the kernels keep in bfloat16.
func TestReduceOfBFloat16(t *testing.T) {
	w := newTwins(t, backend.Config{}, 0)
	for _, c := range foldCases {
		x, dst := w.normals(1, 1, tensor.BFloat16, nil, c.from...), w.out(tensor.Float32, c.to...)
		whole := w.on(w.cpu, tensor.Float32, c.from...)
		w.cpu.Copy(whole, x.cpu)
		w.cpu.Reduce(backend.Sum, dst.cpu, whole)
		w.gpu.Reduce(backend.Sum, dst.gpu, x.gpu)
		w.same(fmt.Sprint(c), dst, 2e-5)
	}
}

var foldCases = []struct{ from, to []int }{
	{[]int{30, fewFolded}, []int{30, 1}},                                // a thread for each
	{[]int{3, 4, 50}, []int{3, 1, 50}},                                  // the same, along rows
	{[]int{30, fewFolded + 1}, []int{30, 1}},                            // a warp
	{[]int{3, shortFold}, []int{3, 1}},                                  // a warp
	{[]int{3, shortFold + 1}, []int{3, 1}},                              // a block
	{[]int{2, 3*leastPiece + 2}, []int{2, 1}},                           // pieces
	{[]int{200, 3, 5}, []int{1, 3, 1}},                                  // no run of elements
	{[]int{40, leastColumns}, []int{1, leastColumns}},                   // columns
	{[]int{2*leastStack + 3, 41}, []int{1, 41}},                         // and pieces
	{[]int{leastStack + 3, manyColumns + 4}, []int{1, manyColumns + 4}}, // four at a time
	{[]int{2, 20, manyColumns / 2}, []int{2, 1, manyColumns / 2}},
}

// TestReduceOfIntegers folds columns and rows in several pieces, and the largest of
// nothing.
func TestReduceOfIntegers(t *testing.T) {
	w := newTwins(t, backend.Config{}, 0)
	for _, c := range [][2][]int{
		{{3 * leastStack, 9}, {1, 9}}, {{3*leastPiece + 2}, {1}}, {{0}, {1}},
	} {
		x := twin{w.on(w.cpu, tensor.Int32, c[0]...), w.on(w.gpu, tensor.Int32, c[0]...)}
		if n := x.cpu.Len(); n > 0 {
			index := w.targets(n, 1000)
			x = twin{index.cpu.Reshape(c[0]...), index.gpu.Reshape(c[0]...)}
		}
		dst := twin{w.on(w.cpu, tensor.Int32, c[1]...), w.on(w.gpu, tensor.Int32, c[1]...)}
		for f := range backend.ReduceKinds {
			w.cpu.Reduce(f, dst.cpu, x.cpu)
			w.gpu.Reduce(f, dst.gpu, x.gpu)
			want, err := backend.Data[int32](w.cpu, dst.cpu)
			require.NoError(t, err)
			got, err := backend.Data[int32](w.gpu, dst.gpu)
			require.NoError(t, err)
			assert.Equal(t, want, got, "%d of %v", f, c)
		}
	}
}
