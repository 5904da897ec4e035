package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// A fold is cut by the shapes alone, never by the threads or by how the
// elements lie: along the folded elements, counted row-major, into pieces whose
// partial results are float64 and are folded in order.
const (
	pieceElements = 4096 // folded elements of a piece where the last axis is folded
	pieceRows     = 1024 // rows of a piece where the last axis is kept
	stripe        = 512  // columns of a task
	narrow        = 8    // fewer columns are folded one by one
)

// fold is the plan of one Reduce.
type fold struct {
	f      backend.Reduce
	kept   *loop.Loop // over the axes kept: dst, x
	folded *loop.Loop // over the others: x
}

// Reduce folds x over the axes where dst has length 1 and x has not.
func (b *Backend) Reduce(f backend.Reduce, dst, x *tensor.Tensor) {
	b.writes(dst)
	p := &fold{f: f, kept: b.loop(2), folded: b.loop(1)}
	defer b.done(p.kept)
	defer b.done(p.folded)
	width := 1 // of the kept axes after the last folded one
	for axis, n := range x.Shape {
		if n != 1 && dst.Shape[axis] == 1 {
			p.folded.Push(n, [maxOperands]int{x.Strides[axis]})
			width = 1
			continue
		}
		p.kept.Push(n, [maxOperands]int{dst.Strides[axis], x.Strides[axis]})
		width *= n
	}
	p.kept.Merge()
	p.folded.Merge()
	switch dst.DType {
	case tensor.Float32:
		reduce(b, p, width, slice[float32](dst), slice[float32](x))
	case tensor.Float64:
		reduce(b, p, width, slice[float64](dst), slice[float64](x))
	case tensor.Int32:
		reduce(b, p, width, slice[int32](dst), slice[int32](x))
	default:
		tensor.Panicf("Reduce", []*tensor.Tensor{dst, x}, "no kernel for %v", dst.DType)
	}
}

func reduce[T tensor.Elem](b *Backend, p *fold, width int, dst, x []T) {
	if p.kept.Size == 0 {
		return
	}
	if p.folded.Size == 0 {
		for i := range p.kept.Size {
			dst[p.kept.Offset(0, i)] = T(foldStart[T](p.f))
		}
		return
	}
	if width < narrow || p.folded.Size == 1 {
		foldRuns(b, p, dst, x)
		return
	}
	foldRows(b, p, dst, x)
}

// foldRuns folds the elements of one result at a time.
func foldRuns[T tensor.Elem](b *Backend, p *fold, dst, x []T) {
	n := p.folded.Size
	pieces := (n + pieceElements - 1) / pieceElements
	partial := scratch[float64](b, p.kept.Size*pieces)
	each := folder[T](p.f)
	b.pool.For(len(partial), max(1, grain/min(n, pieceElements)), func(lo, hi int) {
		tile := scratch[T](b, min(n, pieceElements))
		for task := lo; task < hi; task++ {
			first := task % pieces * pieceElements
			part := collect(p.folded, tile, x[p.kept.Offset(1, task/pieces):], first, min(first+pieceElements, n))
			partial[task] = each(part)
		}
		release(b, tile)
	})
	for i := range p.kept.Size {
		dst[p.kept.Offset(0, i)] = combine[T](p.f, partial[i*pieces:], pieces, 1)
	}
	release(b, partial)
}

// collect shows elements lo to hi-1 of a loop's only operand as a dense slice:
// in place where they are one, else in tile.
func collect[T tensor.Elem](l *loop.Loop, tile, x []T, lo, hi int) []T {
	if l.Rank == 1 && l.Inner(0) == 1 {
		return x[lo:hi]
	}
	at, step := 0, l.Inner(0)
	l.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
		if step == 1 {
			copy(tile[at:at+n], x[off[0]:])
		} else {
			gather(tile[at:at+n], x[off[0]:], step)
		}
		at += n
	})
	return tile[:at]
}

// foldRows folds whole rows of the axes kept, a stripe of columns at a time.
func foldRows[T tensor.Elem](b *Backend, p *fold, dst, x []T) {
	n, width := p.folded.Size, p.kept.Size
	pieces, stripes := (n+pieceRows-1)/pieceRows, (width+stripe-1)/stripe
	partial := scratch[float64](b, pieces*width)
	fill(partial, foldStart[T](p.f))
	work := min(width, stripe) * min(n, pieceRows)
	b.pool.For(pieces*stripes, max(1, grain/work), func(lo, hi int) {
		c := columns[T]{dense: p.kept.Inner(1) == 1, near: nearFold[T](p.f), far: farFold[T](p.f)}
		c.sum, c.tile = scratch[T](b, stripe), scratch[T](b, stripe)
		for task := lo; task < hi; task++ {
			piece, at := task/stripes, task%stripes*stripe
			p.kept.Runs(at, min(at+stripe, width), stripe, func(off [maxOperands]int, k int) {
				c.total = partial[piece*width+at:][:k]
				c.fold(p, x[off[1]:], piece*pieceRows, min((piece+1)*pieceRows, n))
				at += k
			})
		}
		release(b, c.sum)
		release(b, c.tile)
	})
	for i := range width {
		dst[p.kept.Offset(0, i)] = combine[T](p.f, partial[i:], pieces, width)
	}
	release(b, partial)
}

// nearRows are the rows that are folded in T before they go to float64: their
// rounding stays below 1e-6 of the sum of magnitudes.
const nearRows = 16

// columns folds rows into one total for each column.
type columns[T tensor.Elem] struct {
	dense     bool // the elements of a row
	total     []float64
	sum, tile []T
	near      func(dst, x, y []T) // nil: every row goes to the totals
	far       func(total []float64, row []T)
}

// fold adds rows lo to hi-1 of x to the totals.
func (c *columns[T]) fold(p *fold, x []T, lo, hi int) {
	width, held := len(c.total), 0
	sum := c.sum[:width]
	step := p.folded.Inner(0)
	p.folded.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
		for i := range n {
			row := c.row(x[off[0]+i*step:], p.kept.Inner(1))
			switch {
			case c.near == nil:
				c.far(c.total, row)
				continue
			case held == 0:
				copy(sum, row)
			default:
				c.near(sum, sum, row)
			}
			if held++; held == nearRows {
				c.far(c.total, sum)
				held = 0
			}
		}
	})
	if held > 0 {
		c.far(c.total, sum)
	}
}

func (c *columns[T]) row(x []T, step int) []T {
	width := len(c.total)
	if c.dense {
		return x[:width]
	}
	gather(c.tile[:width], x, step)
	return c.tile[:width]
}

// combine folds n partial results that lie step apart.
func combine[T tensor.Elem](f backend.Reduce, partial []float64, n, step int) T {
	total := partial[0]
	for i := 1; i < n; i++ {
		if f == backend.Max {
			total = max(total, partial[i*step])
		} else {
			total += partial[i*step]
		}
	}
	return T(total)
}
