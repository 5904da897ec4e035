package cpu

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// decoderOperands are those of a linear cross-entropy.
type decoderOperands struct {
	n, h, v           int
	x, w, bias, dloss []float64
	target            []int32
}

func newDecoderOperands(n, h, v int) *decoderOperands {
	o := &decoderOperands{n, h, v, numbers(1, n*h), numbers(2, v*h), numbers(3, v), numbers(4, n), make([]int32, n)}
	for i := range o.target {
		o.target[i] = int32(i * 7919 % v)
	}
	return o
}

func (o *decoderOperands) naive() []result {
	loss, lse := make([]float64, o.n), make([]float64, o.n)
	dx, dw, db := make([]float64, o.n*o.h), make([]float64, o.v*o.h), make([]float64, o.v)
	z := make([]float64, o.v)
	for i := range o.n {
		x, top, sum := o.x[i*o.h:(i+1)*o.h], math.Inf(-1), 0.0
		for k := range z {
			z[k] = dotOf(x, o.w[k*o.h:]) + o.bias[k]
			top = max(top, z[k])
		}
		for _, v := range z {
			sum += math.Exp(v - top)
		}
		lse[i] = top + math.Log(sum)
		loss[i] = lse[i] - z[o.target[i]]
		for k, v := range z {
			d := math.Exp(v - lse[i])
			if k == int(o.target[i]) {
				d--
			}
			d *= o.dloss[i]
			db[k] += d
			for j, v := range x {
				dx[i*o.h+j] += d * o.w[k*o.h+j]
				dw[k*o.h+j] += d * v
			}
		}
	}
	return []result{{"Loss", loss}, {"LSE", lse}, {"DX", dx}, {"DW", dw}, {"DB", db}}
}

// runDecoder also asks for each gradient alone, which must be the same bits.
func runDecoder[T float](b *Backend, o *decoderOperands) []result {
	x, w, bias := tensorOf[T](b, o.x, o.n, o.h), tensorOf[T](b, o.w, o.v, o.h), tensorOf[T](b, o.bias, o.v)
	targets, dloss := backend.FromSlice(b, o.target, o.n), tensorOf[T](b, o.dloss, o.n)
	loss, lse := blank[T](b, o.n), blank[T](b, o.n)
	b.LinearCrossEntropy(loss, lse, x, w, bias, targets)
	dx, dw, db := blank[T](b, o.n, o.h), blank[T](b, o.v, o.h), blank[T](b, o.v)
	b.LinearCrossEntropyGrad(dx, dw, db, x, w, bias, lse, targets, dloss)
	out := read(b, []string{"Loss", "LSE", "DX", "DW", "DB"}, loss, lse, dx, dw, db)
	for i, shape := range [][]int{{o.n, o.h}, {o.v, o.h}, {o.v}} {
		only := [3]*tensor.Tensor{}
		only[i] = blank[T](b, shape...)
		b.LinearCrossEntropyGrad(only[0], only[1], only[2], x, w, bias, lse, targets, dloss)
		if alone := numbersOf(b, only[i]); !same(alone, out[2+i].data) {
			out[2+i].name += " alone differs"
		}
	}
	return out
}

// The last shapes take several tiles of symbols, and of rows too.
func TestLinearCrossEntropy(t *testing.T) {
	for _, s := range [][3]int{
		{1, 1, 1}, {5, 3, 1}, {1, 7, 9}, {65, 4, 33}, {0, 3, 5}, {3, 0, 5}, {130, 17, 205},
		{130, 3, 9001}, {tileHeight + 52, 3, 600},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			o := newDecoderOperands(s[0], s[1], s[2])
			checkKernel(t, o.naive,
				func(b *Backend) []result { return runDecoder[float32](b, o) },
				func(b *Backend) []result { return runDecoder[float64](b, o) })
		})
	}
}

// Symbols that a bias of -Inf excludes fill the whole first tile.
func TestLinearCrossEntropyWithoutSymbols(t *testing.T) {
	o := newDecoderOperands(tileHeight, 2, 2*tileLogits/tileHeight)
	for k := range tileLogits / tileHeight {
		o.bias[k] = math.Inf(-1)
	}
	for i := range o.target {
		o.target[i] = int32(o.v - 1 - i%7)
	}
	checkKernel(t, o.naive,
		func(b *Backend) []result { return runDecoder[float32](b, o) },
		func(b *Backend) []result { return runDecoder[float64](b, o) })
}

func TestLinearCrossEntropyTargets(t *testing.T) {
	b := open(t, 2)
	for _, bad := range []int32{-1, 5} {
		x, w, bias := tensorOf[float32](b, numbers(1, 6), 3, 2), tensorOf[float32](b, numbers(2, 10), 5, 2), tensorOf[float32](b, numbers(3, 5), 5)
		targets, loss := backend.FromSlice(b, []int32{0, bad, 4}, 3), blank[float32](b, 3)
		var err error
		func() {
			defer tensor.Catch(&err)
			b.LinearCrossEntropy(loss, loss, x, w, bias, targets)
		}()
		require.ErrorContains(t, err, fmt.Sprintf("LinearCrossEntropy [3 2], [3]: target %d of row 1 is not one of 5", bad))
	}
}

// BenchmarkDecoder compares the loss and its gradients from the hidden states
// with and without all logits.
func BenchmarkDecoder(b *testing.B) {
	for _, c := range []struct{ n, h, v int }{{2048, 256, 205}, {2048, 256, 2000}, {2048, 256, 16000}, {1024, 768, 50257}} {
		name := fmt.Sprintf("N=%d/H=%d/V=%d", c.n, c.h, c.v)
		eachThreads(b, name+"/fused", func(b *testing.B, x *Backend) { benchDecoder(b, x, c.n, c.h, c.v, true) })
		eachThreads(b, name+"/logits", func(b *testing.B, x *Backend) { benchDecoder(b, x, c.n, c.h, c.v, false) })
	}
}

func benchDecoder(b *testing.B, x *Backend, n, h, v int, fused bool) {
	spread := numbers(2, v*h) // such that logits are as large as a model's, and no probability is denormal
	for i := range spread {
		spread[i] /= math.Sqrt(float64(h))
	}
	xs, w, bias := tensorOf[float32](x, numbers(1, n*h), n, h), tensorOf[float32](x, spread, v, h), tensorOf[float32](x, numbers(3, v), v)
	targets, dloss := backend.FromSlice(x, make([]int32, n), n), tensorOf[float32](x, numbers(2, n), n)
	loss, lse := blank[float32](x, n), blank[float32](x, n)
	dx, dw, db := blank[float32](x, n, h), blank[float32](x, v, h), blank[float32](x, 1, v)
	b.ReportAllocs()
	for b.Loop() {
		if fused {
			x.LinearCrossEntropy(loss, lse, xs, w, bias, targets)
			x.LinearCrossEntropyGrad(dx, dw, db, xs, w, bias, lse, targets, dloss)
			continue
		}
		logits, d := backend.New(x, tensor.Float32, n, v), backend.New(x, tensor.Float32, n, v)
		x.Copy(logits, bias.Broadcast(n, v))
		x.MatMul(logits, xs, w.Transpose(), true)
		x.CrossEntropy(loss, lse, logits, targets)
		x.CrossEntropyGrad(d, logits, lse, targets, dloss)
		x.MatMul(dx, d, w, false)
		x.MatMul(dw, d.Transpose(), xs, false)
		x.Reduce(backend.Sum, db, d)
		backend.Release(x, logits, d)
	}
	b.ReportMetric(float64(x.store.peak)/(1<<20), "MiB-peak")
}
