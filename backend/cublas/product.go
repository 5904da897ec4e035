//go:build cgo && linux

package cublas

import (
	"math"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// matrix is a look at a tensor's last two axes: element (i, j) lies i*rs + j*cs
// elements after at.
type matrix struct {
	at                 cuda.Ptr
	dtype              tensor.DType
	rows, cols, rs, cs int
}

func matrixOf(b *Backend, t *tensor.Tensor) matrix {
	n := len(t.Shape)
	return matrix{b.at(t), t.DType, t.Shape[n-2], t.Shape[n-1], t.Strides[n-2], t.Strides[n-1]}
}

func (m matrix) transpose() matrix {
	m.rows, m.cols, m.rs, m.cs = m.cols, m.rows, m.cs, m.rs
	return m
}

// columns are n columns of m from lo on.
func (m matrix) columns(lo, n int) matrix {
	m.at += cuda.Ptr(m.dtype.Bytes(lo * m.cs))
	m.cols = n
	return m
}

// ld is the distance between rows that are runs of elements; 0 where they are not.
func (m matrix) ld() int {
	switch {
	case m.cols > 1 && m.cs != 1:
		return 0
	case m.rows == 1:
		return m.cols
	case m.rs < m.cols || m.rs > math.MaxInt32:
		return 0
	}
	return m.rs
}

// lines tells whether rows or columns are runs that do not overlap.
func (m matrix) lines() bool { return m.ld() > 0 || m.transpose().ld() > 0 }

// blas is m as cuBLAS sees it: row-major matrices are the transposes of its own.
func (m matrix) blas(stride int) cuda.Matrix {
	v := cuda.Matrix{At: m.at, Type: blasTypes[m.dtype], LD: m.ld(), Stride: stride}
	if v.LD == 0 {
		v.LD, v.Transpose = m.transpose().ld(), true
	}
	return v
}

var blasTypes = map[tensor.DType]cuda.Type{tensor.Float32: cuda.F32, tensor.Float64: cuda.F64, tensor.BFloat16: cuda.BF16}

// axis is an axis of a batch with the strides of c, a and x in elements.
type axis struct {
	n       int
	c, a, x int
}

// product is c = a x for each entry of a batch.
type product struct {
	c, a, x matrix
	batch   []axis
}

// batchOf are the leading axes of dst; those that follow each other in all three
// tensors are one.
func batchOf(dst, a, x *tensor.Tensor) []axis {
	var batch []axis
	lead := dst.Shape[:len(dst.Shape)-2]
	for i, n := range lead {
		if n == 1 {
			continue
		}
		v := axis{n, dst.Strides[i], leading(a, lead, i), leading(x, lead, i)}
		if k := len(batch) - 1; k >= 0 && batch[k].c == v.c*n && batch[k].a == v.a*n && batch[k].x == v.x*n {
			v.n *= batch[k].n
			batch[k] = v
			continue
		}
		batch = append(batch, v)
	}
	return batch
}

// leading is a factor's stride along an axis of the batch.
func leading(t *tensor.Tensor, lead []int, i int) int {
	i += len(t.Shape) - 2 - len(lead)
	if i < 0 || t.Shape[i] == 1 {
		return 0
	}
	return t.Strides[i]
}

// flatten makes axes along which x stays the same more rows, where c and a lie
// so.
func (p *product) flatten() {
	for i, v := range p.batch {
		c, a := p.c, p.a
		if c.rows == 1 {
			c.rs, a.rs = v.c, v.a
		}
		if v.x != 0 || v.c != c.rows*c.rs || v.a != a.rows*a.rs {
			continue
		}
		c.rows *= v.n
		a.rows *= v.n
		if c.rows <= math.MaxInt32 && c.ld() > 0 && a.lines() {
			p.c, p.a, p.batch = c, a, slices.Delete(p.batch, i, i+1)
			p.flatten()
			return
		}
	}
}

// turn makes p the product of the transposes.
func (p *product) turn() {
	p.c, p.a, p.x = p.c.transpose(), p.x.transpose(), p.a.transpose()
	for i, v := range p.batch {
		p.batch[i] = axis{v.n, v.c, v.x, v.a}
	}
}

// entry is p at entry i of an axis.
func (p product) entry(v axis, i int) product {
	p.c.at += cuda.Ptr(p.c.dtype.Bytes(i * v.c))
	p.a.at += cuda.Ptr(p.a.dtype.Bytes(i * v.a))
	p.x.at += cuda.Ptr(p.x.dtype.Bytes(i * v.x))
	return p
}

// each calls f for each entry of axes.
func (p product) each(axes []axis, f func(product)) {
	if len(axes) == 0 {
		f(p)
		return
	}
	for i := range axes[0].n {
		p.entry(axes[0], i).each(axes[1:], f)
	}
}

// mostEntries is how many products one call of cuBLAS takes: kernels count them
// in a dimension of the grid.
const mostEntries = 65535

// multiply gives p to cuBLAS. One call takes the longest axis of the batch.
func (b *Backend) multiply(p product, accumulate bool) {
	if p.c.ld() == 0 {
		p.turn()
	}
	p.flatten()
	if max(p.c.rows, p.c.cols, p.a.cols) > math.MaxInt32 {
		panic(&tensor.Error{Op: "MatMul", Shapes: [][]int{{p.c.rows, p.c.cols, p.a.cols}}, Msg: "cuBLAS counts rows and columns in 32 bits"})
	}
	slices.SortFunc(p.batch, func(v, w axis) int { return v.n - w.n })
	last := axis{n: 1}
	if n := len(p.batch); n > 0 {
		last, p.batch = p.batch[n-1], p.batch[:n-1]
	}
	p.each(p.batch, func(q product) {
		for lo := 0; lo < last.n; lo += mostEntries {
			b.call(q.entry(last, lo), last, min(mostEntries, last.n-lo), accumulate)
		}
	})
}

// call is one call of cuBLAS, for n entries of v. Its matrices are the
// transposes of ours, so it computes c^T = x^T a^T.
func (b *Backend) call(p product, v axis, n int, accumulate bool) {
	if b.fault != nil {
		return
	}
	beta, compute := 0.0, cuda.Compute32
	if accumulate {
		beta = 1
	}
	switch {
	case p.c.dtype == tensor.Float64:
		compute = cuda.Compute64
	case p.a.dtype == tensor.Float32 && b.precision == backend.TF32:
		compute = cuda.ComputeTF32
	}
	x, a, c := p.x.blas(v.x), p.a.blas(v.a), p.c.blas(v.c)
	b.beforeProduct(productForm{p.c.cols, p.c.rows, p.a.cols, n, x, a, c, compute})
	b.check(b.dev.Multiply(p.c.cols, p.c.rows, p.a.cols, x, a, c, 1, beta, n, compute))
}
