package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var (
	_ backend.SquareSummer = (*Backend)(nil)
	_ backend.Descender    = (*Backend)(nil)
)

// piecesOf is the number of pieces of pieceElements in a tensor, 0 for nil.
func piecesOf(t *tensor.Tensor) int {
	if t == nil {
		return 0
	}
	return (t.Len() + pieceElements - 1) / pieceElements
}

// eachPiece runs f on the pieces of several tensors: elements lo to hi-1 of
// ts[i], which are piece number k of all.
func eachPiece(b *Backend, ts []*tensor.Tensor, f func(i, k, lo, hi int)) {
	pieces := 0
	for _, t := range ts {
		pieces += piecesOf(t)
	}
	b.pool.For(pieces, grain/pieceElements, func(from, to int) {
		first := 0 // of ts[i]
		for i, t := range ts {
			n := piecesOf(t)
			for k := max(from, first); k < min(to, first+n); k++ {
				lo := (k - first) * pieceElements
				f(i, k, lo, min(lo+pieceElements, t.Len()))
			}
			first += n
		}
	})
}

// SumSquares writes the sum of the squares of each tensor to dst.
func (b *Backend) SumSquares(dst *tensor.Tensor, xs []*tensor.Tensor) {
	if isFloat32("SumSquares", dst) {
		sumSquares[float32](b, slice[float32](dst), xs)
	} else {
		sumSquares[float64](b, slice[float64](dst), xs)
	}
}

func sumSquares[T float](b *Backend, dst []T, xs []*tensor.Tensor) {
	pieces := 0
	for _, x := range xs {
		pieces += piecesOf(x)
	}
	partial := scratch[float64](b, pieces)
	defer release(b, partial)
	each := folder[T](backend.SumSquares)
	eachPiece(b, xs, func(i, k, lo, hi int) { partial[k] = each(slice[T](xs[i])[lo:hi]) })
	at := 0
	for i, x := range xs {
		n := piecesOf(x)
		switch {
		case n > 0:
			dst[i] = combine[T](backend.SumSquares, partial[at:], n, 1)
		case x != nil:
			dst[i] = 0
		}
		at += n
	}
}

// Descend is xs[i] -= rates[i]*us[i].
func (b *Backend) Descend(xs, us []*tensor.Tensor, rates []float64) {
	b.writes(xs...)
	if len(xs) == 0 {
		return
	}
	if isFloat32("Descend", xs[0]) {
		descend[float32](b, xs, us, rates)
	} else {
		descend[float64](b, xs, us, rates)
	}
}

func descend[T float](b *Backend, xs, us []*tensor.Tensor, rates []float64) {
	axpy := vectors[T]().axpy
	eachPiece(b, us, func(i, _, lo, hi int) {
		axpy(slice[T](xs[i])[lo:hi], -T(rates[i]), slice[T](us[i])[lo:hi])
	})
}
