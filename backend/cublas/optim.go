//go:build cgo && linux

package cublas

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var (
	_ backend.Adamer       = (*Backend)(nil)
	_ backend.Descender    = (*Backend)(nil)
	_ backend.SquareSummer = (*Backend)(nil)
)

var (
	adamDirections = floatKernels("optim", "adam_direction")
	descents       = floatKernels("optim", "descend")
	squareSums     = floatKernels("reduce", "sum_squares")
	squareParts    = floatKernels("reduce", "sum_parts")
)

// AdamDirection advances the moments and writes the direction in one pass.
func (b *Backend) AdamDirection(u, m, v, p, g *tensor.Tensor, a backend.Adam) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := adamDirections.of("AdamDirection", u)
	n := u.Len()
	if n == 0 {
		return
	}
	l := b.begin(k, b.spread((n+3)/4), threads, 0)
	l.Ptr(b.at(u)).Ptr(b.at(m)).Ptr(b.at(v)).Ptr(b.at(p)).Ptr(b.at(g)).Int(n)
	var words [8]uint64
	for i, c := range [...]float64{a.Beta1, 1 - a.Beta1, a.Beta2, 1 - a.Beta2, 1 / a.C1, 1 / a.C2, a.Eps, a.WeightDecay} {
		words[i] = math.Float64bits(c)
	}
	b.run(k, l.Words(words[:]...))
}

const (
	descentPiece = 8192 // elements of a tensor that a block moves: PIECE
	mostDescents = 24   // tensors of a launch: DESCENTS
	mostSquares  = 20   // SQUARES
)

// list are the tensors of one launch as the kernels' structs want them: their
// number, then columns with room for some numbers, of which one has where each
// tensor's pieces end.
type list struct {
	room          int
	count, pieces int
	words         [121]uint64
}

// add adds a tensor of so many pieces; columns[end] becomes where they end.
func (l *list) add(pieces, end int, columns ...uint64) {
	l.pieces += pieces
	columns[end] = uint64(l.pieces)
	for c, v := range columns {
		l.words[1+c*l.room+l.count] = v
	}
	l.count++
	l.words[0] = uint64(l.count)
}

func (l *list) full() bool { return l.count == l.room }

// Descend is xs[i] -= rates[i]*us[i].
func (b *Backend) Descend(xs, us []*tensor.Tensor, rates []float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var k kernel
	l := list{room: mostDescents}
	for i, u := range us {
		if u == nil || u.Len() == 0 {
			continue
		}
		k = descents.of("Descend", u)
		n := u.Len()
		l.add((n+descentPiece-1)/descentPiece, 3, uint64(b.at(xs[i])), uint64(b.at(u)), uint64(n), 0, math.Float64bits(rates[i]))
		if l.full() {
			b.descend(k, &l)
			l = list{room: mostDescents}
		}
	}
	b.descend(k, &l)
}

// descend moves the tensors of l.
func (b *Backend) descend(k kernel, l *list) {
	if l.count > 0 {
		b.run(k, b.begin(k, l.pieces, threads, 0).Words(l.words[:]...))
	}
}

// SumSquares writes the sum of the squares of each tensor to dst.
func (b *Backend) SumSquares(dst *tensor.Tensor, xs []*tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := list{room: mostSquares}
	for i, x := range xs {
		if x == nil {
			continue
		}
		n := x.Len()
		piece, pieces, of := squaresPlan(n)
		l.add(pieces, 4, uint64(b.at(x)), uint64(n), uint64(piece), uint64(of), 0, uint64(i))
		if l.full() {
			b.sumSquares(dst, &l)
			l = list{room: mostSquares}
		}
	}
	b.sumSquares(dst, &l)
}

// squaresPlan is how a fold of n dense elements is cut: the elements of a piece,
// the pieces, and how many threads add up a piece.
func squaresPlan(n int) (piece, pieces, of int) {
	switch {
	case n == 0:
		return 0, 0, 0
	case n <= fewFolded:
		return n, 1, 1
	case n <= shortFold:
		return n, 1, 32
	}
	var p fold
	p.folded.Size = n
	p.cut(leastPiece, 1)
	return p.piece, p.pieces, threads
}

// sumSquares writes the sums of l's tensors.
func (b *Backend) sumSquares(dst *tensor.Tensor, l *list) {
	if l.count == 0 {
		return
	}
	mem := b.scratch(8 * l.pieces)
	defer b.release(mem)
	if l.pieces > 0 {
		k := squareSums.of("SumSquares", dst)
		b.run(k, b.begin(k, l.pieces, threads, 0).Ptr(mem.at).Words(l.words[:]...))
	}
	k := squareParts.of("SumSquares", dst)
	b.run(k, b.begin(k, l.count, 32, 0).Ptr(b.at(dst)).Ptr(mem.at).Words(l.words[:]...))
}
