package cpu

import (
	"sync"

	"github.com/tiller-ml/tiller/tensor"
)

// dense is a row-major matrix over the start of data.
func dense[T float](data []T, rows, cols int) matrix[T] {
	return matrix[T]{data, rows, cols, cols, 1}
}

// band shows rows lo to hi.
func (m matrix[T]) band(lo, hi int) matrix[T] {
	m.data, m.rows = m.data[min(lo*m.rs, len(m.data)):], hi-lo
	return m
}

// columns shows columns lo to hi.
func (m matrix[T]) columns(lo, hi int) matrix[T] {
	m.data, m.cols = m.data[min(lo*m.cs, len(m.data)):], hi-lo
	return m
}

// row is row i of a matrix with dense rows.
func (m matrix[T]) row(i int) []T { return m.data[i*m.rs : i*m.rs+m.cols] }

// load copies row i into dst.
func (m matrix[T]) load(dst []T, i int) {
	if m.cs == 1 {
		copy(dst, m.data[i*m.rs:i*m.rs+m.cols])
		return
	}
	gather(dst[:m.cols], m.data[i*m.rs:], m.cs)
}

// store copies src into row i.
func (m matrix[T]) store(i int, src []T) {
	if m.cs == 1 {
		copy(m.data[i*m.rs:i*m.rs+m.cols], src)
		return
	}
	scatter(m.data[i*m.rs:], src[:m.cols], m.cs)
}

// head is the matrix (rows, D) of one sample and head of t (B, heads, rows, D).
func head[T float](t *tensor.Tensor, sample, h int) matrix[T] {
	data := slice[T](t)
	at := min(sample*t.Strides[0]+h*t.Strides[1], len(data))
	return matrix[T]{data[at:], t.Shape[2], t.Shape[3], t.Strides[2], t.Strides[3]}
}

// arena cuts one piece of scratch memory into several.
type arena[T float] struct{ all, rest []T }

func newArena[T float](b *Backend, n int) arena[T] {
	s := scratch[T](b, n)
	return arena[T]{s, s}
}

func (a *arena[T]) take(n int) []T {
	s := a.rest[:n:n]
	a.rest = a.rest[n:]
	return s
}

// reuse is a zero R, from those given back if there is one.
func reuse[R any](from *sync.Pool) *R {
	if r, ok := from.Get().(*R); ok {
		return r
	}
	return new(R)
}

// giveBack clears r for the next reuse.
func giveBack[R any](to *sync.Pool, r *R) {
	var zero R
	*r = zero
	to.Put(r)
}
