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
// of 0 repeats an element along its axis.
//
// Views of Int8 keep blocks whole: the axis along which blocks lie is never cut
// by Slice, and Reshape leaves its length alone or a multiple of [BlockLen].
type Tensor struct {
	Buf     Buffer
	DType   DType
	Shape   []int
	Strides []int
	Offset  int
}

// New is a contiguous tensor over the start of buf.
func New(buf Buffer, dtype DType, shape ...int) *Tensor {
	if buf.Len() < dtype.Room(shape) {
		panic(&Error{Op: "tensor.New", Shapes: [][]int{shape}, Msg: fmt.Sprintf("a buffer of %d elements is too small", buf.Len())})
	}
	return &Tensor{Buf: buf, DType: dtype, Shape: slices.Clone(shape), Strides: rowMajor(dtype, shape)}
}

// Size is the number of elements of a shape.
func Size(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 0 {
			panic(&Error{Op: "tensor.Size", Shapes: [][]int{shape}, Msg: "negative length"})
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
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n = rowEnd(d, shape, i, n)
	}
	return s
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
	return &Tensor{Buf: t.Buf, DType: t.DType, Shape: shape, Strides: strides, Offset: offset}
}

// Reshape shows the elements in another shape; one length may be -1, and is
// then what the others leave. It panics where that would need a copy.
func (t *Tensor) Reshape(shape ...int) *Tensor {
	shape = fill(t, shape)
	if t.keepsBlocks(shape) && t.Contiguous() {
		return t.view(shape, rowMajor(t.DType, shape), t.Offset)
	}
	strides, ok := regroup(t, shape)
	if !ok {
		Panicf("Reshape", []*Tensor{t}, "strides %v cannot become %v without a copy", t.Strides, shape)
	}
	return t.view(shape, strides, t.Offset)
}

// CanReshape tells whether Reshape to shape needs no copy.
func (t *Tensor) CanReshape(shape ...int) bool {
	shape = fill(t, shape)
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

func fill(t *Tensor, asked []int) []int {
	shape := slices.Clone(asked)
	free, rest := -1, 1
	for i, d := range shape {
		if d == -1 && free < 0 {
			free = i
			continue
		}
		rest *= d
	}
	if free >= 0 && rest > 0 {
		shape[free] = t.Len() / rest
		rest *= shape[free]
	}
	if rest != t.Len() || slices.Min(append([]int{0}, shape...)) < 0 {
		Panicf("Reshape", []*Tensor{t}, "%d elements do not fill %v", t.Len(), asked)
	}
	return shape
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
		Panicf("Permute", []*Tensor{t}, "%v does not name each axis once", perm)
	}
	shape, strides := make([]int, len(perm)), make([]int, len(perm))
	seen := make([]bool, len(perm))
	for i, p := range perm {
		if p < 0 || p >= len(perm) || seen[p] {
			Panicf("Permute", []*Tensor{t}, "%v does not name each axis once", perm)
		}
		seen[p] = true
		shape[i], strides[i] = t.Shape[p], t.Strides[p]
	}
	return t.view(shape, strides, t.Offset)
}

// Transpose swaps the last two axes.
func (t *Tensor) Transpose() *Tensor {
	n := len(t.Shape)
	if n < 2 {
		Panicf("Transpose", []*Tensor{t}, "needs two axes")
	}
	shape, strides := slices.Clone(t.Shape), slices.Clone(t.Strides)
	shape[n-1], shape[n-2] = shape[n-2], shape[n-1]
	strides[n-1], strides[n-2] = strides[n-2], strides[n-1]
	return t.view(shape, strides, t.Offset)
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
	shape := slices.Clone(t.Shape)
	shape[axis] = hi - lo
	return t.view(shape, slices.Clone(t.Strides), t.Offset+lo*t.Strides[axis])
}

// Broadcast repeats t to shape without a copy: axes are matched from the last,
// and only axes of length 1 (or absent ones) repeat.
func (t *Tensor) Broadcast(shape ...int) *Tensor {
	lead := len(shape) - len(t.Shape)
	if lead < 0 {
		Panicf("Broadcast", []*Tensor{t}, "does not fit %v", shape)
	}
	strides := make([]int, len(shape))
	for i, d := range t.Shape {
		switch {
		case d == shape[lead+i]:
			strides[lead+i] = t.Strides[i]
		case d != 1:
			Panicf("Broadcast", []*Tensor{t}, "does not fit %v", shape)
		}
	}
	return t.view(slices.Clone(shape), strides, t.Offset)
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
