//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// fewRows is up to how many rows a product is a reading of the other factor,
// which is then read as it lies rather than rounded to bfloat16 first.
const fewRows = 8

// MatMul is dst = a x, or dst += a x, for each entry of the leading axes.
func (b *Backend) MatMul(dst, a, x *tensor.Tensor, accumulate bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.matMul(dst, a, x, accumulate)
}

// matMul is MatMul with the lock held. Beside float32, where products are
// rounded to bfloat16, each of the three may be bfloat16 itself.
func (b *Backend) matMul(dst, a, x *tensor.Tensor, accumulate bool) {
	if dst.Len() == 0 {
		return
	}
	if a.Dim(-1) == 0 {
		if !accumulate {
			b.fill(dst, 0)
		}
		return
	}
	b.checkProduct(dst, a, x)
	few := rowsOf(dst, x) <= fewRows
	if b.readsStored(a, x, few) {
		b.storedMatMul(dst, a, x, accumulate)
		return
	}
	c, work := matrixOf(b, dst), dst.DType
	if few && x.DType == tensor.Float32 {
		work = tensor.Float32 // where dst is bfloat16, x is still read as it lies
	}
	if !c.lines() || work != dst.DType {
		b.throughWork(dst, work, accumulate, func(work *tensor.Tensor) { b.matMul(work, a, x, accumulate) })
		return
	}
	d := b.factorType(dst, x, few)
	a, mem := b.factor(a, d)
	defer b.release(mem)
	x, mem = b.factor(x, d)
	defer b.release(mem)
	b.multiply(product{c, matrixOf(b, a), matrixOf(b, x), batchOf(dst, a, x)}, accumulate)
}

// checkProduct panics where there is no product of such dtypes.
func (b *Backend) checkProduct(dst, a, x *tensor.Tensor) {
	ok := dst.DType == a.DType && x.DType == a.DType && a.DType == a.DType.Compute() && a.DType != tensor.Int32
	if !ok {
		ok = a.DType.IsFloat() && dst.DType.IsFloat() && a.DType.Compute() == tensor.Float32 &&
			dst.DType.Compute() == tensor.Float32 && x.DType.Compute() == tensor.Float32 &&
			(b.precision == backend.BF16 || dst.DType == tensor.Float32 && a.DType == tensor.Float32)
	}
	if !ok {
		tensor.Panicf("MatMul", []*tensor.Tensor{dst, a, x}, "no kernel for %v = %v %v", dst.DType, a.DType, x.DType)
	}
}

// rowsOf is how many rows are multiplied by each matrix of x.
func rowsOf(dst, x *tensor.Tensor) int {
	n := len(dst.Shape)
	if len(x.Shape) == 2 {
		return tensor.Size(dst.Shape[:n-1])
	}
	return dst.Shape[n-2]
}

// factorType is the dtype that both factors have in a product by cuBLAS.
func (b *Backend) factorType(dst, x *tensor.Tensor, few bool) tensor.DType {
	if b.precision != backend.BF16 || dst.DType == tensor.Float64 || few && x.DType == tensor.Float32 {
		return dst.DType
	}
	return tensor.BFloat16
}

// factor is t as cuBLAS can read it, in dtype d, with its working memory.
func (b *Backend) factor(t *tensor.Tensor, d tensor.DType) (*tensor.Tensor, scratch) {
	if t.DType == d && matrixOf(b, t).lines() {
		return t, scratch{}
	}
	return b.packed(t, d)
}

// narrowed is t in bfloat16: itself, or a copy in working memory, for callers
// that multiply by it more than once.
func (b *Backend) narrowed(t *tensor.Tensor) (*tensor.Tensor, scratch) {
	return b.factor(t, tensor.BFloat16)
}

// packed is a copy without gaps in working memory. Its last two axes lie in t's
// order, and what is repeated along a leading axis is copied once.
func (b *Backend) packed(t *tensor.Tensor, d tensor.DType) (*tensor.Tensor, scratch) {
	n := len(t.Shape)
	t = t.Alias()
	for i, stride := range t.Strides[:n-2] {
		if stride == 0 {
			t.Shape[i] = 1
		}
	}
	turned := t.Strides[n-2] < t.Strides[n-1] && t.Strides[n-2] != 0
	if turned {
		t = t.Transpose()
	}
	mem := b.scratch(d.Bytes(t.Len()))
	dense := b.view(mem, d, t.Shape...)
	b.copy(dense, t)
	if turned {
		dense = dense.Transpose()
	}
	return dense, mem
}

// throughWork computes dst in contiguous working memory of dtype d.
func (b *Backend) throughWork(dst *tensor.Tensor, d tensor.DType, accumulate bool, f func(work *tensor.Tensor)) {
	mem := b.scratch(d.Bytes(dst.Len()))
	defer b.release(mem)
	work := b.view(mem, d, dst.Shape...)
	if accumulate {
		b.copy(work, dst)
	}
	f(work)
	b.copy(dst, work)
}
