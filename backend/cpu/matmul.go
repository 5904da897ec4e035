package cpu

import (
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// largeProduct is the number of multiplications of one product of a batch from
// which the threads share each product instead of sharing out the batch.
const largeProduct = 1 << 23

// MatMul is dst = a b, or dst += a b, for each entry of the leading axes.
func (b *Backend) MatMul(dst, a, x *tensor.Tensor, accumulate bool) {
	b.writes(dst)
	if x.DType.Compute() != x.DType {
		b.storedProducts(dst, a, x, accumulate)
		return
	}
	switch dst.DType {
	case tensor.Float32:
		products[float32](b, dst, a, x, accumulate)
	case tensor.Float64:
		products[float64](b, dst, a, x, accumulate)
	default:
		tensor.Panicf("MatMul", []*tensor.Tensor{dst, a, x}, "no kernel for %v", dst.DType)
	}
}

func products[T float](b *Backend, dst, a, x *tensor.Tensor, accumulate bool) {
	l := batch(b, dst, a, x)
	defer b.done(l)
	c, u, v := lastTwo[T](dst), lastTwo[T](a), lastTwo[T](x)
	if c.rows == 1 {
		c.rs, u.rs = l.Inner(0), l.Inner(1)
	}
	if l.Rank == 1 && l.Inner(2) == 0 && l.Inner(0) == c.rows*c.rs && l.Inner(1) == u.rows*u.rs {
		// One factor for all: the batch is more rows.
		c.rows, u.rows = c.rows*l.Size, u.rows*l.Size
		mul(b, c, u, v, accumulate)
		return
	}
	if l.Size == 1 || c.rows*c.cols*u.cols >= largeProduct {
		for task := range l.Size {
			mul(b, c.from(l.Offset(0, task)), u.from(l.Offset(1, task)), v.from(l.Offset(2, task)), accumulate)
		}
		return
	}
	sharedOut(b, l, c, u, v, accumulate)
}

// sharedOut gives the products of a batch to the threads.
func sharedOut[T float](b *Backend, l *loop.Loop, c, u, v matrix[T], accumulate bool) {
	work := max(1, c.rows*c.cols*max(1, u.cols))
	b.pool.For(l.Size, max(1, largeProduct/32/work), func(lo, hi int) {
		for task := lo; task < hi; task++ {
			mulSerial(b, c.from(l.Offset(0, task)), u.from(l.Offset(1, task)), v.from(l.Offset(2, task)), accumulate)
		}
	})
}

// batch is the loop over dst's leading axes, for the caller to give back.
func batch(b *Backend, dst, a, x *tensor.Tensor) *loop.Loop {
	l := b.loop(3)
	lead := dst.Shape[:len(dst.Shape)-2]
	for axis, n := range lead {
		l.Push(n, [maxOperands]int{dst.Strides[axis], leading(a, lead, axis), leading(x, lead, axis)})
	}
	l.Merge()
	return l
}

// leading is a factor's stride along an axis of the batch.
func leading(t *tensor.Tensor, lead []int, axis int) int {
	i := axis - len(lead) + len(t.Shape) - 2
	if i < 0 || t.Shape[i] == 1 {
		return 0
	}
	return t.Strides[i]
}

// lastTwo is the first matrix of a batch.
func lastTwo[T float](t *tensor.Tensor) matrix[T] {
	n := len(t.Shape)
	return matrix[T]{slice[T](t), t.Shape[n-2], t.Shape[n-1], t.Strides[n-2], t.Strides[n-1]}
}

// from is the matrix at another offset.
func (m matrix[T]) from(offset int) matrix[T] {
	m.data = m.data[min(offset, len(m.data)):]
	return m
}
