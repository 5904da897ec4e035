package cpu

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// eachThreads runs a benchmark with one thread and with two.
func eachThreads(b *testing.B, name string, f func(b *testing.B, x *Backend)) {
	for threads := 1; threads <= 2; threads++ {
		b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) { f(b, open(b, threads)) })
	}
}

// rate reports the arithmetic of one iteration.
func rate(b *testing.B, flops float64) {
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

func BenchmarkLSTM(b *testing.B) {
	for _, h := range []int{256, 1024} {
		c := lstmCase{T: 256, B: 16, I: h, H: h}
		eachThreads(b, fmt.Sprintf("H=%d", h), func(b *testing.B, x *Backend) {
			o := newLSTMOperands(c)
			call := lstmCall[float32](x, o)
			g := &backend.LSTMGrads{
				DY: tensorOf[float32](x, o.dy, c.T, c.B, c.H),
				DX: blank[float32](x, c.T, c.B, c.I), DH0: blank[float32](x, c.B, c.H), DC0: blank[float32](x, c.B, c.H),
				DWih: blank[float32](x, 4*c.H, c.I), DWhh: blank[float32](x, 4*c.H, c.H), DBias: blank[float32](x, 4*c.H),
			}
			b.ReportAllocs()
			for b.Loop() {
				x.LSTM(call)
				x.LSTMGrad(call, g)
			}
			rate(b, 6*2*float64(c.T*c.B)*4*float64(h)*float64(h))
		})
	}
}

func BenchmarkLSTMDecode(b *testing.B) {
	c := lstmCase{T: 1, B: 1, I: 256, H: 256}
	eachThreads(b, "H=256", func(b *testing.B, x *Backend) {
		call := lstmCall[float32](x, newLSTMOperands(c))
		b.ReportAllocs()
		for b.Loop() {
			x.LSTM(call)
		}
		b.SetBytes(4 * 8 * 256 * 256)
	})
}

func BenchmarkAttention(b *testing.B) {
	for _, drop := range []float64{0, 0.1} {
		for _, memory := range []int{0, 1000, 5000} {
			c := attentionCase{B: 16, heads: 1, T: 128, D: 256, pieces: []int{memory, 128}, frozen: []int{0}, shared: true, weights: drop, values: drop}
			eachThreads(b, fmt.Sprintf("memory=%d/drop=%v", memory, drop), func(b *testing.B, x *Backend) {
				o := benchOperands(c)
				call, g := attentionCall[float32](x, o, false), attentionGrads[float32](x, o)
				b.ReportAllocs()
				for b.Loop() {
					x.Attention(call)
					x.AttentionGrad(call, g)
				}
				seen, own := float64(c.T*memory+c.T*c.T/2), float64(c.T*c.T/2)
				rate(b, 2*float64(c.B*c.D)*(5*seen+2*own))
			})
		}
	}
}

// benchOperands are operands without the multipliers that only naive needs.
func benchOperands(c attentionCase) *attentionOperands {
	n, m := c.B*c.heads*c.T*c.D, c.B*c.heads*c.keys()*c.D
	o := &attentionOperands{attentionCase: c, scale: 1.0 / 16, q: numbers(1, n), k: numbers(2, m), dout: numbers(4, n)}
	o.v = o.k
	o.ws = site{p: c.weights, key: tensor.Key{Seed: 1, Site: 5}}
	o.vs = site{p: c.values, key: tensor.Key{Seed: 1, Site: 6}}
	return o
}

func BenchmarkAttentionDecode(b *testing.B) {
	for _, memory := range []int{0, 1000, 5000} {
		c := attentionCase{B: 1, heads: 1, T: 1, D: 256, pieces: []int{memory, 1}, shared: true}
		eachThreads(b, fmt.Sprintf("memory=%d", memory), func(b *testing.B, x *Backend) {
			call := attentionCall[float32](x, benchOperands(c), false)
			b.ReportAllocs()
			for b.Loop() {
				x.Attention(call)
			}
			b.SetBytes(4 * int64((memory+1)*c.D))
		})
	}
}

func BenchmarkBoom(b *testing.B) {
	const n, h, f = 2048, 256, 1024
	for _, p := range []float64{0, 0.1} {
		eachThreads(b, fmt.Sprintf("drop=%v", p), func(b *testing.B, x *Backend) {
			xs, w, bias := tensorOf[float32](x, numbers(1, n*h), n, h), tensorOf[float32](x, numbers(2, f*h), f, h), tensorOf[float32](x, numbers(3, f), f)
			y, u, du := blank[float32](x, n, h), blank[float32](x, n, f), blank[float32](x, n, f)
			d := backend.Dropout{P: p}
			b.ReportAllocs()
			for b.Loop() {
				x.Boom(y, u, xs, w, bias, d)
				x.BoomGrad(du, u, y, d)
			}
			rate(b, 2*n*h*f)
		})
	}
}

func BenchmarkLayerNorm(b *testing.B) {
	const n, h = 2048, 256
	eachThreads(b, "2048x256", func(b *testing.B, x *Backend) {
		xs, w, bias := tensorOf[float32](x, numbers(1, n*h), n, h), tensorOf[float32](x, numbers(2, h), h), tensorOf[float32](x, numbers(3, h), h)
		y, dx, mean, rstd := blank[float32](x, n, h), blank[float32](x, n, h), blank[float32](x, n), blank[float32](x, n)
		dw, db := blank[float32](x, h), blank[float32](x, h)
		b.ReportAllocs()
		for b.Loop() {
			x.LayerNorm(y, mean, rstd, xs, w, bias, 1e-5)
			x.LayerNormGrad(dx, dw, db, xs, w, mean, rstd, y)
		}
		b.SetBytes(4 * n * h * 5)
	})
}

func BenchmarkCrossEntropy(b *testing.B) {
	const n, symbols = 2048, 205
	eachThreads(b, "2048x205", func(b *testing.B, x *Backend) {
		logits, d := tensorOf[float32](x, numbers(1, n*symbols), n, symbols), blank[float32](x, n, symbols)
		loss, lse, dloss := blank[float32](x, n), blank[float32](x, n), tensorOf[float32](x, numbers(2, n), n)
		targets := backend.FromSlice(x, make([]int32, n), n)
		b.ReportAllocs()
		for b.Loop() {
			x.CrossEntropy(loss, lse, logits, targets)
			x.CrossEntropyGrad(d, logits, lse, targets, dloss)
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/(n*symbols), "ns/element")
	})
}

func BenchmarkDropout(b *testing.B) {
	const n = 1 << 20
	eachThreads(b, "1M", func(b *testing.B, x *Backend) {
		xs, y := tensorOf[float32](x, numbers(1, n), n), blank[float32](x, n)
		b.ReportAllocs()
		for b.Loop() {
			x.Dropout(y, xs, backend.Dropout{P: 0.1})
		}
		b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/n, "ns/element")
	})
}

func BenchmarkAdamDirection(b *testing.B) {
	const n = 1 << 22
	eachThreads(b, "4M", func(b *testing.B, x *Backend) {
		u, p, g := blank[float32](x, n), tensorOf[float32](x, numbers(1, n), n), tensorOf[float32](x, numbers(2, n), n)
		m, v := backend.Zeros(x, tensor.Float32, n), backend.Zeros(x, tensor.Float32, n)
		b.ReportAllocs()
		for b.Loop() {
			x.AdamDirection(u, m, v, p, g, backend.Adam{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, C1: 1, C2: 1})
		}
		b.SetBytes(4 * n * 7)
		b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/n, "ns/element")
	})
}
