package cpu

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/quant"
	"github.com/tiller-ml/tiller/tensor"
)

// weights is the right factor of a product: a matrix of T, or, where T is
// float32, one of bfloat16 or Int8, which products read as it is stored.
type weights[T float] struct {
	plain      matrix[T]
	stored     quant.Matrix // its Format is 0 for a plain one
	transposed bool         // the factor is stored's transpose
}

// weightsOf is a tensor with two axes as a factor.
func weightsOf[T float](op string, t *tensor.Tensor) weights[T] {
	if t.DType == tensor.DTypeOf[T]() {
		return weights[T]{plain: lastTwo[T](t)}
	}
	if tensor.DTypeOf[T]() != tensor.Float32 {
		tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for weights of %v beside %v", t.DType, tensor.DTypeOf[T]())
	}
	m, transposed := stored(op, t)
	return weights[T]{stored: m, transposed: transposed}
}

// stored is a tensor of bfloat16 or Int8 whose rows are dense, or whose
// transpose's are.
func stored(op string, t *tensor.Tensor) (m quant.Matrix, transposed bool) {
	if t.DType.Compute() == t.DType || len(t.Shape) != 2 {
		tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for weights of %v in %d axes", t.DType, len(t.Shape))
	}
	rows, cols := 0, 1
	if t.Strides[1] != 1 && t.Strides[0] == 1 {
		rows, cols, transposed = 1, 0, true
	}
	if t.Strides[cols] != 1 && t.Shape[cols] > 1 {
		tensor.Panicf(op, []*tensor.Tensor{t}, "the rows of %v are not dense: strides %v", t.DType, t.Strides)
	}
	return quant.Matrix{
		Data: storage(t)[min(t.DType.Bytes(t.Offset), len(storage(t))):], Format: t.DType,
		Rows: t.Shape[rows], Cols: t.Shape[cols], Stride: t.DType.Bytes(t.Strides[rows]),
	}, transposed
}

// transpose is the same weights the other way round.
func (w weights[T]) transpose() weights[T] {
	return weights[T]{w.plain.transpose(), w.stored, !w.transposed}
}

// band shows rows lo to hi of weights that are no transpose.
func (w weights[T]) band(lo, hi int) weights[T] {
	if w.stored.Format == 0 {
		w.plain = w.plain.band(lo, hi)
		return w
	}
	w.stored.Data = w.stored.Data[min(lo*w.stored.Stride, len(w.stored.Data)):]
	w.stored.Rows = hi - lo
	return w
}

// mulWeights is c = a w, or c += a w.
func mulWeights[T float](b *Backend, p *pool.Pool, c, a matrix[T], w weights[T], accumulate bool) {
	if w.stored.Format == 0 {
		product(b, p, c, a, w.plain, accumulate)
		return
	}
	run := quant.Mul
	if w.transposed {
		run = quant.MulT
	}
	run(p, panel(any(c).(matrix[float32])), panel(any(a).(matrix[float32])), w.stored, accumulate)
}

// storedProducts is MatMul by weights that are only stored: the entries of a
// batch are more rows, or one product after the other.
func (b *Backend) storedProducts(dst, a, x *tensor.Tensor, accumulate bool) {
	if dst.DType != tensor.Float32 || a.DType != tensor.Float32 {
		tensor.Panicf("MatMul", []*tensor.Tensor{dst, a, x}, "no kernel for %v = %v %v", dst.DType, a.DType, x.DType)
	}
	l, w := batch(b, dst, a, x), weightsOf[float32]("MatMul", x)
	defer b.done(l)
	c, u := lastTwo[float32](dst), lastTwo[float32](a)
	if c.rows == 1 {
		c.rs, u.rs = l.Inner(0), l.Inner(1)
	}
	if l.Rank == 1 && l.Inner(0) == c.rows*c.rs && l.Inner(1) == u.rows*u.rs {
		c.rows, u.rows = c.rows*l.Size, u.rows*l.Size
		mulWeights(b, b.pool, c, u, w, accumulate)
		return
	}
	for task := range l.Size {
		mulWeights(b, b.pool, c.from(l.Offset(0, task)), u.from(l.Offset(1, task)), w, accumulate)
	}
}
