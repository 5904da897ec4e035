package cpu

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/quant"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// blockRows walks the rows of one or two tensors of a shape, Int8 among them.
type blockRows struct {
	b *Backend
	l *loop.Loop // over the leading axes
	n int        // elements of a row
}

func newBlockRows(op string, b *Backend, ts ...*tensor.Tensor) *blockRows {
	r := &blockRows{b: b, l: new(loop.Loop), n: 1}
	r.l.Reset(len(ts))
	for _, t := range ts {
		if last := len(t.Shape) - 1; t.DType == tensor.Int8 && last >= 0 && t.Strides[last] != 1 {
			tensor.Panicf(op, ts, "%v is not taken across its blocks", t.DType)
		}
	}
	shape := ts[0].Shape
	if len(shape) > 0 {
		r.n, shape = shape[len(shape)-1], shape[:len(shape)-1]
	}
	for axis, n := range shape {
		var s [maxOperands]int
		for k, t := range ts {
			s[k] = t.Strides[axis]
		}
		r.l.Push(n, s)
	}
	r.l.Merge()
	return r
}

// each visits the rows with their offsets in both tensors, and a row of scratch
// memory.
func (r *blockRows) each(visit func(first, second int, row []float32)) {
	if r.n == 0 {
		return
	}
	r.b.pool.For(r.l.Size, max(1, grain/r.n), func(lo, hi int) {
		row := scratch[float32](r.b, r.n)
		defer release(r.b, row)
		s0, s1 := r.l.Inner(0), r.l.Inner(1)
		r.l.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
			for i := range n {
				visit(off[0]+i*s0, off[1]+i*s1, row)
			}
		})
	})
}

// blocksAt is the bytes of a tensor of Int8 from the row at an offset on.
func blocksAt(t *tensor.Tensor, offset int) []byte {
	return storage(t)[t.DType.Bytes(t.Offset+offset):]
}

// lastStride is the stride of the last axis.
func lastStride(t *tensor.Tensor) int {
	if n := len(t.Shape); n > 0 {
		return t.Strides[n-1]
	}
	return 1
}

// copyBlocks is Copy to or from Int8.
func (b *Backend) copyBlocks(dst, src *tensor.Tensor) {
	r := newBlockRows("Copy", b, dst, src)
	switch {
	case dst.DType == src.DType:
		size := dst.DType.Bytes(dst.DType.Room([]int{r.n}))
		r.each(func(to, from int, _ []float32) { copy(blocksAt(dst, to)[:size], blocksAt(src, from)) })
	case src.DType == tensor.Float32:
		x, step := slice[float32](src), lastStride(src)
		r.each(func(to, from int, row []float32) {
			gather(row, x[from:], step)
			quant.Quantise(blocksAt(dst, to), row)
		})
	case dst.DType == tensor.Float32:
		y, step := slice[float32](dst), lastStride(dst)
		r.each(func(to, from int, row []float32) {
			m := quant.Matrix{Data: blocksAt(src, from), Format: tensor.Int8, Rows: 1, Cols: r.n}
			m.Widen(row, 0)
			scatter(y[to:], row, step)
		})
	default:
		tensor.Panicf("Copy", []*tensor.Tensor{dst, src}, "no conversion from %v to %v", src.DType, dst.DType)
	}
}

// fillBlocks is Fill of Int8.
func (b *Backend) fillBlocks(dst *tensor.Tensor, value float32) {
	r := newBlockRows("Fill", b, dst)
	row := make([]float32, r.n)
	fill(row, value)
	blocks := make([]byte, dst.DType.Bytes(dst.DType.Room([]int{r.n})))
	quant.Quantise(blocks, row)
	r.each(func(to, _ int, _ []float32) { copy(blocksAt(dst, to), blocks) })
}
