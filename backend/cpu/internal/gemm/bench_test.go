package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// benchProduct times f on m x k times k x n, with one worker and with two.
func benchProduct(b *testing.B, m, k, n int, lb layout, prepare func(p *pool.Pool, c, a, b Matrix) func()) {
	r := rand.New(rand.NewPCG(1, 2))
	x, y, c := newRandom(r, rowMajor, m, k), newRandom(r, lb, k, n), newRandom(r, rowMajor, m, n)
	for workers := 1; workers <= 2; workers++ {
		b.Run(fmt.Sprintf("%dx%dx%d/workers=%d", m, k, n, workers), func(b *testing.B) {
			p := pool.New(workers)
			defer p.Close()
			f := prepare(p, c.Matrix, x.Matrix, y.Matrix)
			f()
			for b.Loop() {
				f()
			}
			b.ReportMetric(2*float64(m)*float64(k)*float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func product(p *pool.Pool, c, a, b Matrix) func() {
	return func() { Mul(p, c, a, b, 1, 0) }
}

func BenchmarkSquare(b *testing.B) {
	for _, n := range []int{64, 128, 256, 512, 1024, 2048} {
		benchProduct(b, n, n, n, rowMajor, product)
	}
}

// BenchmarkSquareT has b stored by columns, as layers store their weights.
func BenchmarkSquareT(b *testing.B) {
	for _, n := range []int{256, 512, 1024} {
		benchProduct(b, n, n, n, colMajor, product)
	}
}

// BenchmarkResident has the products of an LSTM's time step, weights packed.
func BenchmarkResident(b *testing.B) {
	for _, s := range [][3]int{{16, 1024, 4096}, {16, 256, 1024}, {8, 1024, 4096}, {32, 1024, 4096}, {256, 1024, 4096}} {
		benchProduct(b, s[0], s[1], s[2], rowMajor, func(p *pool.Pool, c, x, y Matrix) func() {
			packed := Pack(p, y)
			return func() { packed.Mul(p, c, x, 1) }
		})
	}
}

func BenchmarkThinDot(b *testing.B) {
	for _, m := range []int{2, 4, 8, 16, 32} {
		benchProduct(b, m, 1024, 4096, colMajor, product)
	}
	benchProduct(b, 16, 256, 1024, colMajor, product)
}

func BenchmarkThinTile(b *testing.B) {
	for _, m := range []int{2, 4, 8, 16, 32} {
		benchProduct(b, m, 1024, 4096, rowMajor, product)
	}
	benchProduct(b, 16, 256, 1024, rowMajor, product)
}

func BenchmarkPack(b *testing.B) {
	for _, l := range []layout{rowMajor, colMajor} {
		benchBytes(b, fmt.Sprint("layout=", l), 1024, 4096, l, func(p *pool.Pool, y Matrix) func() {
			packed := new(Packed)
			return func() { packed.Reset(p, y) }
		})
	}
}

// BenchmarkMulVec reads its matrix once; Read reads as many bytes and does
// nothing else, which is the bound.
func BenchmarkMulVec(b *testing.B) {
	for _, size := range [][2]int{{1024, 4096}, {4096, 1024}, {256, 1024}} {
		k, n := size[0], size[1]
		x, y := Vector{make([]float32, k), 1}, Vector{make([]float32, n), 1}
		for _, l := range []layout{rowMajor, colMajor} {
			benchBytes(b, fmt.Sprint("layout=", l), k, n, l, func(p *pool.Pool, w Matrix) func() {
				return func() { MulVec(p, y, w.T(), x, 1, 0) }
			})
		}
		benchBytes(b, "Read", k, n, rowMajor, func(p *pool.Pool, w Matrix) func() {
			half := len(w.Data) / max(1, p.Workers())
			sums := make([]float32, 32)
			read := func(task int) { sums[16*task] = sum(w.Data[task*half : (task+1)*half]) }
			return func() { p.Do(p.Workers(), read) }
		})
	}
}

// sum is a plain read: the dot product of x with itself loads each line once.
func sum(x []float32) float32 { return active.dot(len(x), x, x) }

func benchBytes(b *testing.B, name string, k, n int, l layout, prepare func(p *pool.Pool, y Matrix) func()) {
	r := rand.New(rand.NewPCG(1, 2))
	y := newRandom(r, l, k, n)
	y.Data = y.Data[:k*n]
	for workers := 1; workers <= 2; workers++ {
		b.Run(fmt.Sprintf("%s/%dx%d/workers=%d", name, k, n, workers), func(b *testing.B) {
			p := pool.New(workers)
			defer p.Close()
			f := prepare(p, y.Matrix)
			f()
			b.SetBytes(int64(4 * k * n))
			for b.Loop() {
				f()
			}
		})
	}
}
