//go:build cgo && linux

package cublas

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Lists longer than a launch takes, with tensors of none, one and several pieces.
func TestListsAsOnTheCPU(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, share float64) {
		var xs, us [2][]*tensor.Tensor
		var all []twin
		var rates []float64
		for i := range 70 {
			n := []int{0, 1, 6, descentPiece, descentPiece + 3, 3 * descentPiece, 100}[i%7]
			x, u := w.normals(uint64(i), 1, d, nil, n), w.normals(uint64(100+i), 1, d, nil, n)
			if i%5 == 2 {
				u = twin{}
			}
			all, rates = append(all, x), append(rates, 0.5/float64(1+i))
			xs[0], xs[1] = append(xs[0], x.cpu), append(xs[1], x.gpu)
			us[0], us[1] = append(us[0], u.cpu), append(us[1], u.gpu)
		}
		w.cpu.Descend(xs[0], us[0], rates)
		w.gpu.Descend(xs[1], us[1], rates)
		for _, x := range all {
			w.same("tensor", x, share)
		}
		sums := w.normals(1, 1, d, nil, 70)
		w.cpu.SumSquares(sums.cpu, us[0])
		w.gpu.SumSquares(sums.gpu, us[1])
		w.same("sum of squares", sums, share)
	})
}

// The sum of a tensor's squares is the same bits wherever it stands, in whatever
// list; it has more pieces than a block has threads.
func TestSumSquaresOfEachAlone(t *testing.T) {
	w := newTwins(t, backend.Config{}, 0)
	const n = (threads+1)*descentPiece + 3
	x := w.normals(1, 1, tensor.Float64, nil, n)
	moved := w.on(w.gpu, tensor.Float64, n+1).Slice(0, 1, n+1)
	w.gpu.Copy(moved, x.gpu)
	sums := w.out(tensor.Float64, 40)
	lists := [2][]*tensor.Tensor{make([]*tensor.Tensor, 40), make([]*tensor.Tensor, 40)}
	for _, i := range []int{0, 17, 39} {
		lists[0][i], lists[1][i] = x.cpu, x.gpu
	}
	lists[1][17] = moved
	w.cpu.SumSquares(sums.cpu, lists[0])
	w.gpu.SumSquares(sums.gpu, lists[1])
	w.same("sum of squares", sums, 1e-10)
	all := w.wide(w.gpu, sums.gpu)
	require.Equal(t, all[0], all[17])
	require.Equal(t, all[0], all[39])
}

// It is what Reduce gives, however the fold is cut.
func TestSumSquaresAsReduce(t *testing.T) {
	sizes := []int{0, 1, fewFolded, fewFolded + 1, 77, shortFold, shortFold + 1, leastPiece, leastPiece + 1, 70001, 1 << 18}
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, _ float64) {
		var xs []*tensor.Tensor
		for i, n := range sizes {
			xs = append(xs, w.normals(uint64(i), 1, d, nil, n).gpu)
		}
		sums, one := w.on(w.gpu, d, len(sizes)), w.on(w.gpu, d, 1)
		w.gpu.SumSquares(sums, xs)
		all := w.wide(w.gpu, sums)
		for i, x := range xs {
			w.gpu.Reduce(backend.SumSquares, one, x)
			require.Equal(t, w.wide(w.gpu, one)[0], all[i], "of %d", sizes[i])
		}
	})
}
