//go:build cgo && linux

package cublas

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Logits of a few rows at a time, by weights of each type, give what the CPU
// gives; with products in bfloat16 they are as near as these.
func TestLinearCrossEntropyInTiles(t *testing.T) {
	const n, h, v = 37, 20, 61
	for _, c := range []struct {
		precision backend.Precision
		weights   tensor.DType
		share     float64
	}{
		{backend.Full, tensor.Float32, 2e-5},
		{backend.Full, tensor.Float64, 1e-11},
		{backend.Full, tensor.BFloat16, 2e-5},
		{backend.Full, tensor.Int8, 2e-5},
		{backend.BF16, tensor.Float32, 4e-2},
		{backend.BF16, tensor.BFloat16, 4e-2},
		{backend.BF16, tensor.Int8, 4e-2},
	} {
		for _, bytes := range []int{1, 10 * 4 * v, tileBytes} {
			t.Run(fmt.Sprint(c.precision, c.weights, bytes), func(t *testing.T) {
				w := newTwins(t, backend.Config{Precision: c.precision}, 0)
				d := c.weights.Compute()
				x, weight, bias := w.normals(1, 1, d, nil, n, h), w.normals(2, 0.3, c.weights, nil, v, h), w.normals(3, 1, d, nil, v)
				k, g := w.targets(n, v), w.normals(4, 1, d, nil, n)
				loss, lse := w.out(d, n), w.out(d, n)
				w.cpu.LinearCrossEntropy(loss.cpu, lse.cpu, x.cpu, weight.cpu, bias.cpu, k.cpu)
				w.gpu.linearCrossEntropy(loss.gpu, lse.gpu, x.gpu, weight.gpu, bias.gpu, k.gpu, bytes)
				w.same("loss", loss, c.share)
				w.same("lse", lse, c.share)
				dx, dw, db := w.out(d, n, h), w.out(d, v, h), w.out(d, v)
				w.cpu.LinearCrossEntropyGrad(dx.cpu, dw.cpu, db.cpu, x.cpu, weight.cpu, bias.cpu, lse.cpu, k.cpu, g.cpu)
				w.gpu.linearCrossEntropyGrad(dx.gpu, dw.gpu, db.gpu, x.gpu, weight.gpu, bias.gpu, lse.gpu, k.gpu, g.gpu, bytes)
				w.same("dx", dx, c.share)
				w.same("dw", dw, c.share)
				w.same("db", db, c.share)
			})
		}
	}
}
