package cpu

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// rows are the operands of Gather and ScatterAdd: list, of shape (I...,
// rest...), has a row for each index; table, of shape (V, rest...), is looked
// up. A row may be strided.
type rows struct {
	op    string
	index []int32
	at    *loop.Loop // over I: list, index
	row   *loop.Loop // over rest: the written operand, the read one
	v     int
	step  int // table's stride of its first axis
}

// newRows takes its loops from the spare ones; done gives them back.
func newRows(b *Backend, op string, list, table, index *tensor.Tensor, gather bool) *rows {
	r := &rows{op: op, index: slice[int32](index), at: b.loop(2), row: b.loop(2), v: table.Shape[0], step: table.Strides[0]}
	lead := len(index.Shape)
	for axis, n := range index.Shape {
		r.at.Push(n, [maxOperands]int{list.Strides[axis], index.Strides[axis]})
	}
	for axis, n := range table.Shape[1:] {
		s := [maxOperands]int{list.Strides[lead+axis], table.Strides[1+axis]}
		if !gather {
			s[0], s[1] = s[1], s[0]
		}
		r.row.Push(n, s)
	}
	r.at.Merge()
	r.row.Merge()
	return r
}

func (r *rows) done(b *Backend) {
	b.done(r.at)
	b.done(r.row)
}

// each visits index positions lo to hi-1 with the offset of each one's row in
// list and in table.
func (r *rows) each(lo, hi int, visit func(list, table, index int)) {
	listStep, indexStep := r.at.Inner(0), r.at.Inner(1)
	r.at.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
		for i := range n {
			k := int(r.index[off[1]+i*indexStep])
			if k < 0 || k >= r.v {
				panic(&tensor.Error{Op: r.op, Shapes: [][]int{{r.v}}, Msg: "an index is out of range"})
			}
			visit(off[0]+i*listStep, k*r.step, k)
		}
	})
}

// Gather is dst[i...] = table[index[i...]].
func (b *Backend) Gather(dst, table, index *tensor.Tensor) {
	b.writes(dst)
	r := newRows(b, "Gather", dst, table, index, true)
	defer r.done(b)
	if dst.DType != table.DType {
		gatherStored(b, r, dst, table)
		return
	}
	switch dst.DType.Size() {
	case 8:
		gatherRows(b, r, slice[float64](dst), slice[float64](table))
	case 4:
		gatherRows(b, r, slice[float32](dst), slice[float32](table))
	case 2:
		gatherRows(b, r, elements[uint16](dst), elements[uint16](table))
	}
}

func gatherRows[T number](b *Backend, r *rows, dst, table []T) {
	if r.row.Size == 0 {
		return
	}
	dk, tk := r.row.Inner(0), r.row.Inner(1)
	b.pool.For(r.at.Size, max(1, grain/r.row.Size), func(lo, hi int) {
		r.each(lo, hi, func(to, from, _ int) {
			r.row.Runs(0, r.row.Size, r.row.Size, func(off [maxOperands]int, n int) {
				d, s := dst[to+off[0]:], table[from+off[1]:]
				if dk == 1 && tk == 1 {
					copy(d[:n], s[:n])
					return
				}
				for i := range n {
					d[i*dk] = s[i*tk]
				}
			})
		})
	})
}

// gatherStored is Gather from a table of bfloat16 or Int8 into float32.
func gatherStored(b *Backend, r *rows, dst, table *tensor.Tensor) {
	m, transposed := stored("Gather", table)
	if dst.DType != tensor.Float32 || transposed {
		tensor.Panicf("Gather", []*tensor.Tensor{dst, table}, "no kernel for %v from %v", dst.DType, table.DType)
	}
	step, out := r.row.Inner(0), slice[float32](dst)
	b.pool.For(r.at.Size, max(1, grain/max(1, m.Cols)), func(lo, hi int) {
		row := scratch[float32](b, m.Cols)
		defer release(b, row)
		r.each(lo, hi, func(to, _, k int) {
			if step == 1 {
				m.Widen(out[to:], k)
				return
			}
			m.Widen(row, k)
			scatter(out[to:], row, step)
		})
	})
}

// ScatterAdd is dst[index[i...]] += src[i...], in the order of i.
func (b *Backend) ScatterAdd(dst, src, index *tensor.Tensor) {
	b.writes(dst)
	r := newRows(b, "ScatterAdd", src, dst, index, false)
	defer r.done(b)
	switch dst.DType {
	case tensor.Float32:
		scatterRows(b, r, slice[float32](dst), slice[float32](src), vec.Add)
	case tensor.Float64:
		scatterRows(b, r, slice[float64](dst), slice[float64](src), add[float64])
	case tensor.Int32:
		scatterRows(b, r, slice[int32](dst), slice[int32](src), add[int32])
	default:
		tensor.Panicf("ScatterAdd", []*tensor.Tensor{dst, src}, "no kernel for %v", dst.DType)
	}
}

// scatterRows gives each task the rows of dst whose index is its own number
// modulo that of the tasks: every row is summed by one task, in order.
func scatterRows[T tensor.Elem](b *Backend, r *rows, dst, src []T, sum func(dst, x, y []T)) {
	if r.row.Size == 0 || r.at.Size == 0 {
		return
	}
	tasks := max(1, min(b.pool.Workers(), r.at.Size*r.row.Size/grain))
	dk, sk := r.row.Inner(0), r.row.Inner(1)
	b.pool.Do(tasks, func(task int) {
		r.each(0, r.at.Size, func(from, to, k int) {
			if k%tasks != task {
				return
			}
			r.row.Runs(0, r.row.Size, r.row.Size, func(off [maxOperands]int, n int) {
				d, s := dst[to+off[0]:], src[from+off[1]:]
				if dk == 1 && sk == 1 {
					sum(d[:n], d[:n], s[:n])
					return
				}
				for i := range n {
					d[i*dk] += s[i*sk]
				}
			})
		})
	})
}
