//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Softmaxer = (*Backend)(nil)

var softmaxes, softmaxGrads = newRowKernels("softmax"), newRowKernels("softmax_grad")

// Softmax writes the softmax of each row of x, or its logarithm.
func (b *Backend) Softmax(dst, x *tensor.Tensor, log bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := softmaxes.of("Softmax", x)
	n, width := lines(x)
	if n == 0 {
		return
	}
	b.run(k, b.beginRows(k, n, width).Ptr(b.at(dst)).Ptr(b.at(x)).Int(n).Int(width).Int(truth(log)))
}

// SoftmaxGrad is the gradient of Softmax from its result y.
func (b *Backend) SoftmaxGrad(dx, y, dy *tensor.Tensor, log bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := softmaxGrads.of("SoftmaxGrad", y)
	n, width := lines(y)
	if n == 0 {
		return
	}
	b.run(k, b.beginRows(k, n, width).Ptr(b.at(dx)).Ptr(b.at(y)).Ptr(b.at(dy)).Int(n).Int(width).Int(truth(log)))
}
