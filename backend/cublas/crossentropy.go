//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var (
	_ backend.CrossEntropyer       = (*Backend)(nil)
	_ backend.LinearCrossEntropyer = (*Backend)(nil)
)

var (
	crossEntropies        = newRowKernels("cross_entropy")
	crossEntropyGrads     = newRowKernels("cross_entropy_grad")
	shortBF16EntropyGrads = kernel{file: "rows", name: "cross_entropy_grad_short_bf16"}
	longBF16EntropyGrads  = kernel{file: "rows", name: "cross_entropy_grad_long_bf16"}
)

// CrossEntropy writes -log softmax(logits)[target] and the logarithm of the sum
// of exponentials for each row. Where a target is no class the loss is NaN.
func (b *Backend) CrossEntropy(loss, lse, logits, targets *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.crossEntropy(loss, lse, logits, nil, targets)
}

// crossEntropy is CrossEntropy of logits + bias, where there is a bias.
func (b *Backend) crossEntropy(loss, lse, logits, bias, targets *tensor.Tensor) {
	k := crossEntropies.of("CrossEntropy", logits)
	n, width := lines(logits)
	if n == 0 {
		return
	}
	l := b.beginRows(k, n, width).Ptr(b.at(loss)).Ptr(b.at(lse))
	b.run(k, l.Words(b.classes(logits, bias, targets)...))
}

// classes are the words of the kernels' struct classes.
func (b *Backend) classes(logits, bias, targets *tensor.Tensor) []uint64 {
	n, width := lines(logits)
	return []uint64{uint64(b.at(logits)), uint64(b.pointer(bias)), uint64(b.at(targets)), uint64(n), uint64(width)}
}

// CrossEntropyGrad: dlogits = (softmax(logits) - onehot(targets)) * dloss.
func (b *Backend) CrossEntropyGrad(dlogits, logits, lse, targets, dloss *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.crossEntropyGrad(dlogits, logits, nil, lse, targets, dloss)
}

// crossEntropyGrad is CrossEntropyGrad for logits + bias, where there is a bias.
// dlogits may be the logits, and bfloat16 where these are float32.
func (b *Backend) crossEntropyGrad(dlogits, logits, bias, lse, targets, dloss *tensor.Tensor) {
	k := crossEntropyGrads.of("CrossEntropyGrad", logits)
	n, width := lines(logits)
	if n == 0 {
		return
	}
	if dlogits.DType == tensor.BFloat16 {
		k = longBF16EntropyGrads
		if isShort(width) {
			k = shortBF16EntropyGrads
		}
	}
	l := b.beginRows(k, n, width).Ptr(b.at(dlogits)).Words(b.classes(logits, bias, targets)...)
	b.run(k, l.Ptr(b.at(lse)).Ptr(b.at(dloss)))
}

// tileBytes is the most that the logits of a linear cross-entropy take at a time.
const tileBytes = 128 << 20

// logitTiles are the logits of a linear cross-entropy, those of some rows at a
// time.
type logitTiles struct {
	b      *Backend
	x, w   *tensor.Tensor // (N, H), (V, H)
	logits *tensor.Tensor // (height, V)
	memory []scratch
}

// begin makes room for logits of so many bytes, or of one row.
func (l *logitTiles) begin(bytes int) {
	n, symbols, dtype := l.x.Shape[0], l.w.Shape[0], l.x.DType
	if l.b.Inner(dtype) == tensor.BFloat16 && n > fewRows {
		l.x = l.narrowed(l.x)
		if l.w.DType == tensor.Float32 {
			l.w = l.narrowed(l.w)
		}
	}
	tiles := max(1, (dtype.Bytes(n*symbols)+bytes-1)/bytes)
	l.logits = l.room(dtype, (n+tiles-1)/tiles, symbols)
}

func (l *logitTiles) narrowed(t *tensor.Tensor) *tensor.Tensor {
	t, mem := l.b.narrowed(t)
	l.memory = append(l.memory, mem)
	return t
}

func (l *logitTiles) room(dtype tensor.DType, shape ...int) *tensor.Tensor {
	mem := l.b.scratch(dtype.Bytes(tensor.Size(shape)))
	l.memory = append(l.memory, mem)
	return l.b.view(mem, dtype, shape...)
}

func (l *logitTiles) release() {
	for _, mem := range l.memory {
		l.b.release(mem)
	}
}

// each computes the logits of some rows after others, without the bias, and
// visits them: rows lo to hi-1, once where there are none.
func (l *logitTiles) each(visit func(lo, hi int, x, logits *tensor.Tensor)) {
	n, height := l.x.Shape[0], l.logits.Shape[0]
	for lo := 0; lo == 0 || lo < n; lo += max(1, height) {
		hi := min(lo+height, n)
		x, logits := l.x.Slice(0, lo, hi), l.logits.Slice(0, 0, hi-lo)
		l.b.matMul(logits, x, l.w.Transpose(), false)
		visit(lo, hi, x, logits)
	}
}

// LinearCrossEntropy writes -log softmax(x w^T + bias)[target] and the logarithm
// of the sum of exponentials for each row. Where a target is no row of w the loss
// is NaN.
func (b *Backend) LinearCrossEntropy(loss, lse, x, w, bias, targets *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.linearCrossEntropy(loss, lse, x, w, bias, targets, tileBytes)
}

func (b *Backend) linearCrossEntropy(loss, lse, x, w, bias, targets *tensor.Tensor, bytes int) {
	l := &logitTiles{b: b, x: x, w: w}
	defer l.release()
	l.begin(bytes)
	l.each(func(lo, hi int, _, logits *tensor.Tensor) {
		b.crossEntropy(loss.Slice(0, lo, hi), lse.Slice(0, lo, hi), logits, bias, targets.Slice(0, lo, hi))
	})
}

// LinearCrossEntropyGrad writes those of dx, dw and db that are not nil.
func (b *Backend) LinearCrossEntropyGrad(dx, dw, db, x, w, bias, lse, targets, dloss *tensor.Tensor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.linearCrossEntropyGrad(dx, dw, db, x, w, bias, lse, targets, dloss, tileBytes)
}

func (b *Backend) linearCrossEntropyGrad(dx, dw, db, x, w, bias, lse, targets, dloss *tensor.Tensor, bytes int) {
	l := &logitTiles{b: b, x: x, w: w}
	defer l.release()
	l.begin(bytes)
	grads := l.logits
	if l.x.DType != x.DType {
		grads = l.room(l.x.DType, l.logits.Shape...)
	}
	l.each(func(lo, hi int, x, logits *tensor.Tensor) {
		g := grads.Slice(0, 0, hi-lo)
		b.crossEntropyGrad(g, logits, bias, lse.Slice(0, lo, hi), targets.Slice(0, lo, hi), dloss.Slice(0, lo, hi))
		if dx != nil {
			b.matMul(dx.Slice(0, lo, hi), g, l.w, false)
		}
		if dw != nil {
			b.matMul(dw, g.Transpose(), x, lo > 0)
		}
		if db != nil {
			b.columnSum(db, g, lo > 0)
		}
	})
}
