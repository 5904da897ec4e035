package tensor

import (
	"fmt"
	"slices"
)

// Buffer is a backend's storage of a tensor's elements. Only the backend that
// made it looks inside; others know its length.
type Buffer interface {
	Len() int // elements
}

// Tensor is a strided look into a buffer: element (i0, i1, ...) lies at
// Offset + i0*Strides[0] + i1*Strides[1] + ..., counted in elements. A stride
// of 0 repeats an element along its axis. A Tensor is used by pointer: a copy of
// the struct would share its Shape and Strides.
//
// Views of Int8 keep blocks whole: the axis along which blocks lie is never cut
// by Slice, and Reshape leaves its length alone or a multiple of [BlockLen].
type Tensor struct {
	Buf     Buffer
	DType   DType
	Shape   []int
	Strides []int
	Offset  int

	dims [2 * inlineRank]int // Shape and Strides of most tensors
}

// inlineRank is the rank up to which a header is one allocation.
const inlineRank = 4

// New is a contiguous tensor over the start of buf.
func New(buf Buffer, dtype DType, shape ...int) *Tensor {
	t := new(Tensor)
	t.Init(buf, dtype, shape...)
	return t
}

// Init makes t what New returns, in place.
func (t *Tensor) Init(buf Buffer, dtype DType, shape ...int) {
	if buf.Len() < dtype.Room(shape) {
		panic(&Error{Op: "tensor.New", Shapes: [][]int{slices.Clone(shape)}, Msg: fmt.Sprintf("a buffer of %d elements is too small", buf.Len())})
	}
	t.Buf, t.DType, t.Offset = buf, dtype, 0
	t.rank(len(shape))
	copy(t.Shape, shape)
	setRowMajor(t.Strides, dtype, shape)
}

// Look makes t a view of x, in place: elements from offset on, counted from the
// start of the buffer, in this shape with these strides. It checks nothing.
func (t *Tensor) Look(x *Tensor, offset int, shape, strides []int) {
	t.Buf, t.DType, t.Offset = x.Buf, x.DType, offset
	t.rank(len(shape))
	copy(t.Shape, shape)
	copy(t.Strides, strides)
}

// rank makes room for n lengths and strides.
func (t *Tensor) rank(n int) {
	if n > inlineRank {
		t.Shape, t.Strides = make([]int, n), make([]int, n)
		return
	}
	t.Shape, t.Strides = t.dims[:n:n], t.dims[inlineRank:inlineRank+n:inlineRank+n]
}

// Alias is another header of the same elements.
func (t *Tensor) Alias() *Tensor { return t.view(t.Shape, t.Strides, t.Offset) }

// Size is the number of elements of a shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(&Error{Op: "tensor.Size", Shapes: [][]int{slices.Clone(shape)}, Msg: "negative length"})
		}
		n *= d
	}
	return n
}

// RowMajor are the strides of a contiguous tensor: the last axis is dense.
func RowMajor(shape []int) []int { return rowMajor(Float32, shape) }

// rowMajor are the strides of a contiguous tensor whose rows are whole blocks.
func rowMajor(d DType, shape []int) []int {
	s := make([]int, len(shape))
	setRowMajor(s, d, shape)
	return s
}

func setRowMajor(strides []int, d DType, shape []int) {
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n = rowEnd(d, shape, i, n)
	}
}

// rowEnd is the stride of the axis before axis i, whose own is n.
func rowEnd(d DType, shape []int, i, n int) int {
	if i == len(shape)-1 {
		return d.whole(shape[i])
	}
	return n * shape[i]
}

// Len is the number of elements that t shows.
func (t *Tensor) Len() int { return Size(t.Shape) }

// Rank is the number of axes.
func (t *Tensor) Rank() int { return len(t.Shape) }

// Dim is the length of an axis; negative axes count from the end.
func (t *Tensor) Dim(axis int) int { return t.Shape[t.Axis("Dim", axis)] }

// Axis turns an axis that may count from the end into one that does not.
func (t *Tensor) Axis(op string, axis int) int {
	a := axis
	if a < 0 {
		a += len(t.Shape)
	}
	if a < 0 || a >= len(t.Shape) {
		Panicf(op, []*Tensor{t}, "no axis %d", axis)
	}
	return a
}

// Contiguous tells whether the elements lie row-major without gaps.
func (t *Tensor) Contiguous() bool {
	n := 1
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] != 1 && t.Strides[i] != n {
			return false
		}
		n = rowEnd(t.DType, t.Shape, i, n)
	}
	return true
}

func (t *Tensor) view(shape, strides []int, offset int) *Tensor {
	v := new(Tensor)
	v.Look(t, offset, shape, strides)
	return v
}

// Reshape shows the elements in another shape; one length may be -1, and is
// then what the others leave. It panics where that would need a copy.
func (t *Tensor) Reshape(shape ...int) *Tensor {
	v := &Tensor{Buf: t.Buf, DType: t.DType, Offset: t.Offset}
	v.rank(len(shape))
	fill(v.Shape, t, shape)
	if t.keepsBlocks(v.Shape) && t.Contiguous() {
		setRowMajor(v.Strides, t.DType, v.Shape)
		return v
	}
	strides, ok := regroup(t, v.Shape)
	if !ok {
		Panicf("Reshape", []*Tensor{t}, "strides %v cannot become %v without a copy", t.Strides, v.Shape)
	}
	copy(v.Strides, strides)
	return v
}

// CanReshape tells whether Reshape to shape needs no copy.
func (t *Tensor) CanReshape(asked ...int) bool {
	shape := make([]int, len(asked))
	fill(shape, t, asked)
	if t.keepsBlocks(shape) && t.Contiguous() {
		return true
	}
	_, ok := regroup(t, shape)
	return ok
}

// keepsBlocks tells whether the rows of shape begin with a block where t's do.
func (t *Tensor) keepsBlocks(shape []int) bool {
	b := t.DType.Block()
	if b == 1 || t.Len() == 0 {
		return true
	}
	from, to := 1, 1
	if n := len(t.Shape); n > 0 {
		from = t.Shape[n-1]
	}
	if n := len(shape); n > 0 {
		to = shape[n-1]
	}
	return from == to || from%b == 0 && to%b == 0
}

// fill writes the shape asked for, its -1 worked out.
func fill(shape []int, t *Tensor, asked []int) {
	free, rest, least := -1, 1, 0
	for i, d := range asked {
		shape[i] = d
		if d == -1 && free < 0 {
			free = i
			continue
		}
		rest *= d
		least = min(least, d)
	}
	if free >= 0 && rest > 0 {
		shape[free] = t.Len() / rest
		rest *= shape[free]
	}
	if rest != t.Len() || least < 0 || free >= 0 && shape[free] < 0 {
		Panicf("Reshape", []*Tensor{t}, "%d elements do not fill %v", t.Len(), slices.Clone(asked))
	}
}

// regroup finds strides for shape over t's elements by matching runs of axes
// with equal products.
func regroup(t *Tensor, shape []int) ([]int, bool) {
	if t.Len() == 0 {
		return rowMajor(t.DType, shape), true
	}
	if t.DType.Block() > 1 {
		return nil, false
	}
	var old, oldStrides []int
	for i, d := range t.Shape {
		if d != 1 {
			old, oldStrides = append(old, d), append(oldStrides, t.Strides[i])
		}
	}
	strides := make([]int, len(shape))
	oi, ni := 0, 0
	for oi < len(old) {
		oj, nj := oi+1, ni+1
		for op, np := old[oi], shape[ni]; op != np; {
			if np < op {
				np *= shape[nj]
				nj++
			} else {
				op *= old[oj]
				oj++
			}
		}
		for k := oi; k < oj-1; k++ {
			if oldStrides[k] != old[k+1]*oldStrides[k+1] {
				return nil, false
			}
		}
		step := oldStrides[oj-1]
		for k := nj - 1; k >= ni; k-- {
			strides[k] = step
			step *= shape[k]
		}
		oi, ni = oj, nj
	}
	return strides, true
}

// Permute reorders the axes: axis i of the result is axis perm[i] of t.
func (t *Tensor) Permute(perm ...int) *Tensor {
	if len(perm) != len(t.Shape) {
		Panicf("Permute", []*Tensor{t}, "%v does not name each axis once", slices.Clone(perm))
	}
	v, seen := t.Alias(), 0
	for i, p := range perm {
		if p < 0 || p >= len(perm) || seen&(1<<p) != 0 {
			Panicf("Permute", []*Tensor{t}, "%v does not name each axis once", slices.Clone(perm))
		}
		seen |= 1 << p
		v.Shape[i], v.Strides[i] = t.Shape[p], t.Strides[p]
	}
	return v
}

// Transpose swaps the last two axes.
func (t *Tensor) Transpose() *Tensor {
	n := len(t.Shape)
	if n < 2 {
		Panicf("Transpose", []*Tensor{t}, "needs two axes")
	}
	v := t.Alias()
	v.Shape[n-1], v.Shape[n-2] = v.Shape[n-2], v.Shape[n-1]
	v.Strides[n-1], v.Strides[n-2] = v.Strides[n-2], v.Strides[n-1]
	return v
}

// Slice shows the rows lo <= i < hi of an axis.
func (t *Tensor) Slice(axis, lo, hi int) *Tensor {
	axis = t.Axis("Slice", axis)
	if lo < 0 || hi < lo || hi > t.Shape[axis] {
		Panicf("Slice", []*Tensor{t}, "no rows %d:%d of axis %d", lo, hi, axis)
	}
	if t.DType.Block() > 1 && t.Strides[axis] == 1 && hi-lo < t.Shape[axis] {
		Panicf("Slice", []*Tensor{t}, "%v cannot be cut along its blocks", t.DType)
	}
	v := t.view(t.Shape, t.Strides, t.Offset+lo*t.Strides[axis])
	v.Shape[axis] = hi - lo
	return v
}

// Broadcast repeats t to shape without a copy: axes are matched from the last,
// and only axes of length 1 (or absent ones) repeat.
func (t *Tensor) Broadcast(shape ...int) *Tensor {
	lead := len(shape) - len(t.Shape)
	if lead < 0 {
		Panicf("Broadcast", []*Tensor{t}, "does not fit %v", slices.Clone(shape))
	}
	strides := make([]int, len(shape))
	for i, d := range t.Shape {
		switch {
		case d == shape[lead+i]:
			strides[lead+i] = t.Strides[i]
		case d != 1:
			Panicf("Broadcast", []*Tensor{t}, "does not fit %v", slices.Clone(shape))
		}
	}
	return t.view(shape, strides, t.Offset)
}

// BroadcastShape is the shape to which both a and b broadcast; op is named in
// the panic where there is none.
func BroadcastShape(op string, a, b []int) []int {
	out := make([]int, max(len(a), len(b)))
	for i := 1; i <= len(out); i++ {
		x, y := 1, 1
		if i <= len(a) {
			x = a[len(a)-i]
		}
		if i <= len(b) {
			y = b[len(b)-i]
		}
		if x != y && x != 1 && y != 1 {
			panic(&Error{Op: op, Shapes: [][]int{a, b}, Msg: "shapes do not broadcast"})
		}
		if x == 1 {
			x = y
		}
		out[len(out)-i] = x
	}
	return out
}
