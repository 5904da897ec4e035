//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Boomer = (*Backend)(nil)

// Boom is u = x w^T + bias, y = the sum of the chunks of drop(GELU(u)): a product,
// and one pass over u that also adds the bias.
func (b *Backend) Boom(y, u, x, w, bias *tensor.Tensor, d backend.Dropout) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.matMul(u, x, w.Transpose(), false)
	b.boom("boom", u, y, d, b.at(y), b.at(u), b.at(bias))
}

// BoomGrad writes the gradient of u; du may be u.
func (b *Backend) BoomGrad(du, u, dy *tensor.Tensor, d backend.Dropout) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if du.DType != u.DType {
		tensor.Panicf("BoomGrad", []*tensor.Tensor{du, u}, "no kernel for %v from %v", du.DType, u.DType)
	}
	b.boom("boom_grad", u, dy, d, b.at(du), b.at(u), b.at(dy))
}

// boom queues a kernel over u (N, F) and rows of the layer's width y (N, H).
func (b *Backend) boom(name string, u, y *tensor.Tensor, d backend.Dropout, operands ...cuda.Ptr) {
	rows, width, inner := y.Shape[0], y.Shape[1], u.Shape[1]
	if rows*width == 0 {
		return
	}
	form, ok := boomForms[[2]tensor.DType{u.DType, y.DType}]
	if !ok {
		tensor.Panicf(name, []*tensor.Tensor{u, y}, "no kernel for u of %v beside %v", u.DType, y.DType)
	}
	site := b.dropoutWords(d)
	fours := width%4 == 0 && inner%4 == 0 && (d.Mask == nil || b.at(d.Mask)%16 == 0)
	for _, p := range operands {
		fours = fours && p%16 == 0
	}
	k, work := kernel{file: "boom", name: name + form + "_1"}, rows*width
	if fours {
		k.name, work = name+form+"_4", work/4
	}
	l := b.begin(k, b.spread(work), threads, 0)
	for _, p := range operands {
		l.Ptr(p)
	}
	l.Int(rows).Int(width).Int(inner).Words(site...)
	b.run(k, l)
}

var boomForms = map[[2]tensor.DType]string{
	{tensor.BFloat16, tensor.Float32}: "_bf16",
	{tensor.Float32, tensor.Float32}:  "_f32",
	{tensor.Float64, tensor.Float64}:  "_f64",
}
