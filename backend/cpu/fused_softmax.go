package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var (
	_ backend.Softmaxer      = (*Backend)(nil)
	_ backend.CrossEntropyer = (*Backend)(nil)
)

// rowGrain is how many elements make a chunk of rows worth another worker.
const rowGrain = 4096

// rowsOf is the shape of a contiguous tensor as rows of its last axis.
func rowsOf(t *tensor.Tensor) (n, width int) {
	width = t.Dim(-1)
	if width == 0 {
		return 0, 0
	}
	return t.Len() / width, width
}

// eachRow runs f for rows 0 to n of the given width, with a scratch row.
func eachRow[T float](b *Backend, n, width int, f func(row int, tmp []T)) {
	b.pool.For(n, max(1, rowGrain/max(width, 1)), func(lo, hi int) {
		tmp := scratch[T](b, width)
		defer release(b, tmp)
		for i := lo; i < hi; i++ {
			f(i, tmp)
		}
	})
}

// Softmax writes the softmax of each row of x, or its logarithm.
func (b *Backend) Softmax(dst, x *tensor.Tensor, log bool) {
	b.writes(dst)
	if isFloat32("Softmax", x) {
		softmax[float32](b, dst, x, log)
	} else {
		softmax[float64](b, dst, x, log)
	}
}

func softmax[T float](b *Backend, dst, x *tensor.Tensor, log bool) {
	v := vectors[T]()
	n, width := rowsOf(x)
	ys, xs := slice[T](dst), slice[T](x)
	eachRow(b, n, width, func(i int, tmp []T) {
		y, x := ys[i*width:(i+1)*width], xs[i*width:(i+1)*width]
		shift := v.max(x)
		if log {
			// x-shift is exact for the scores that matter; x minus their sum's
			// logarithm, which holds shift, would lose digits to a large one.
			sum := v.expSum(tmp, x, shift)
			v.affine(y, x, 1, -shift)
			v.affine(y, y, 1, -T(math.Log(float64(sum))))
			return
		}
		sum := v.expSum(y, x, shift)
		v.affine(y, y, 1/sum, 0)
	})
}

// logSum is log(exp(shift)*sum).
func logSum[T float](shift, sum T) T { return T(float64(shift) + math.Log(float64(sum))) }

// SoftmaxGrad is the gradient of Softmax from its result y.
func (b *Backend) SoftmaxGrad(dx, y, dy *tensor.Tensor, log bool) {
	if isFloat32("SoftmaxGrad", y) {
		softmaxGrad[float32](b, dx, y, dy, log)
	} else {
		softmaxGrad[float64](b, dx, y, dy, log)
	}
}

func softmaxGrad[T float](b *Backend, dx, y, dy *tensor.Tensor, log bool) {
	v := vectors[T]()
	n, width := rowsOf(y)
	dxs, ys, dys := slice[T](dx), slice[T](y), slice[T](dy)
	eachRow(b, n, width, func(i int, tmp []T) {
		dx, y, dy := dxs[i*width:(i+1)*width], ys[i*width:(i+1)*width], dys[i*width:(i+1)*width]
		if log {
			sum := v.sum(dy)
			v.expSum(tmp, y, 0)
			copy(dx, dy)
			v.axpy(dx, -sum, tmp)
			return
		}
		v.affine(tmp, dy, 1, -v.dot(dy, y))
		v.mul(dx, tmp, y)
	})
}

// CrossEntropy writes -log softmax(logits)[target] and the logarithm of the
// sum of exponentials for each row. A target outside the row panics.
func (b *Backend) CrossEntropy(loss, lse, logits, targets *tensor.Tensor) {
	if isFloat32("CrossEntropy", logits) {
		crossEntropy[float32](b, loss, lse, logits, targets)
	} else {
		crossEntropy[float64](b, loss, lse, logits, targets)
	}
}

func crossEntropy[T float](b *Backend, loss, lse, logits, targets *tensor.Tensor) {
	v := vectors[T]()
	n, width := rowsOf(logits)
	target := checkTargets("CrossEntropy", width, logits, targets)
	losses, lses, xs := slice[T](loss), slice[T](lse), slice[T](logits)
	eachRow(b, n, width, func(i int, tmp []T) {
		x := xs[i*width : (i+1)*width]
		shift := v.max(x)
		lses[i] = logSum(shift, v.expSum(tmp, x, shift))
		losses[i] = lses[i] - x[target[i]]
	})
}

// checkTargets panics where a target is not one of so many symbols.
func checkTargets(op string, symbols int, operand, targets *tensor.Tensor) []int32 {
	target := slice[int32](targets)[:targets.Len()]
	for i, t := range target {
		if t < 0 || int(t) >= symbols {
			tensor.Panicf(op, []*tensor.Tensor{operand, targets}, "target %d of row %d is not one of %d", t, i, symbols)
		}
	}
	return target
}

// CrossEntropyGrad: dlogits = (softmax(logits) - onehot(targets)) * dloss.
func (b *Backend) CrossEntropyGrad(dlogits, logits, lse, targets, dloss *tensor.Tensor) {
	if isFloat32("CrossEntropyGrad", logits) {
		crossEntropyGrad[float32](b, dlogits, logits, lse, targets, dloss)
	} else {
		crossEntropyGrad[float64](b, dlogits, logits, lse, targets, dloss)
	}
}

func crossEntropyGrad[T float](b *Backend, dlogits, logits, lse, targets, dloss *tensor.Tensor) {
	v := vectors[T]()
	n, width := rowsOf(logits)
	target := checkTargets("CrossEntropyGrad", width, logits, targets)
	ds, xs, lses, scales := slice[T](dlogits), slice[T](logits), slice[T](lse), slice[T](dloss)
	b.pool.For(n, max(1, rowGrain/max(width, 1)), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			d := ds[i*width : (i+1)*width]
			v.expSum(d, xs[i*width:(i+1)*width], lses[i])
			v.affine(d, d, scales[i], 0)
			d[target[i]] -= scales[i]
		}
	})
}
