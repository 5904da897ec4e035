package cpu

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func BenchmarkMatMul(b *testing.B) {
	for _, m := range [][3]int{{512, 512, 512}, {1024, 1024, 1024}, {16, 1024, 4096}, {16, 256, 1024}, {1, 1024, 4096}} {
		for _, threads := range []int{1, 2} {
			for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
				b.Run(fmt.Sprintf("%dx%dx%d/%v/%d", m[0], m[1], m[2], d, threads), func(b *testing.B) {
					c := open(b, threads)
					// (M, K) and (N, K): weights as layers store them.
					x, w := drawnNormal(c, d, m[0], m[1]), drawnNormal(c, d, m[2], m[1]).Transpose()
					dst := backend.New(c, d, m[0], m[2])
					for b.Loop() {
						c.MatMul(dst, x, w, false)
					}
					flops := 2 * float64(m[0]) * float64(m[1]) * float64(m[2])
					b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

func drawnNormal(b *Backend, d tensor.DType, shape ...int) *tensor.Tensor {
	t := backend.New(b, d, shape...)
	b.Random(t, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 3})
	return t
}

// kernelBenchmarks run over (1024, 1024) float32.
var kernelBenchmarks = []struct {
	name string
	run  func(b *Backend, dst, x, y *tensor.Tensor)
}{
	{"Copy", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Copy(dst, x) }},
	{"CopyTransposed", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Copy(dst, x.Transpose()) }},
	{"Fill", func(b *Backend, dst, _, _ *tensor.Tensor) { b.Fill(dst, 1) }},
	{"Tanh", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Unary(backend.Unary{Kind: backend.Tanh}, dst, x) }},
	{"Add", func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Add, dst, x, y) }},
	{"AddRow", func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Add, dst, x, y.Slice(0, 0, 1)) }},
	{"MulColumn", func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Mul, dst, x, y.Slice(1, 0, 1)) }},
	{"MulScalar", func(b *Backend, dst, x, y *tensor.Tensor) {
		b.Binary(backend.Mul, dst, x, y.Slice(0, 0, 1).Slice(1, 0, 1))
	}},
	{"AddTransposed", func(b *Backend, dst, x, y *tensor.Tensor) { b.Binary(backend.Add, dst, x, y.Transpose()) }},
	{"SumAll", func(b *Backend, dst, x, _ *tensor.Tensor) {
		b.Reduce(backend.Sum, dst.Slice(0, 0, 1).Slice(1, 0, 1), x)
	}},
	{"SumLeading", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Reduce(backend.Sum, dst.Slice(0, 0, 1), x) }},
	{"SumLast", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Reduce(backend.Sum, dst.Slice(1, 0, 1), x) }},
	{"MaxLast", func(b *Backend, dst, x, _ *tensor.Tensor) { b.Reduce(backend.Max, dst.Slice(1, 0, 1), x) }},
	{"Mask", func(b *Backend, dst, _, _ *tensor.Tensor) {
		b.Random(dst, backend.Dist{Kind: backend.Mask, A: 0.1}, tensor.Key{})
	}},
	{"Normal", func(b *Backend, dst, _, _ *tensor.Tensor) {
		b.Random(dst, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{})
	}},
}

func BenchmarkKernels(b *testing.B) {
	const n = 1024
	for _, k := range kernelBenchmarks {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/%d", k.name, threads), func(b *testing.B) {
				c := open(b, threads)
				dst, x, y := drawnNormal(c, tensor.Float32, n, n), drawnNormal(c, tensor.Float32, n, n), drawnNormal(c, tensor.Float32, n, n)
				for b.Loop() {
					k.run(c, dst, x, y)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(n*n), "ns/element")
			})
		}
	}
}

// BenchmarkSmall is the cost of a call on a few elements.
func BenchmarkSmall(b *testing.B) {
	c := open(b, 2)
	x, y := backend.Zeros(c, tensor.Float32, 8, 16), backend.Zeros(c, tensor.Float32, 16)
	b.Run("Add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Binary(backend.Add, x, x, y)
		}
	})
	b.Run("Alloc", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf, _ := c.Alloc(tensor.Float32, 100)
			c.Free(buf)
		}
	})
}
