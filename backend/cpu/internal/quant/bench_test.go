package quant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/tensor"
)

// copies are so many weights of a shape that together they are in no cache
// near the cores, as while decoding.
func copies(d tensor.DType, rows, cols int) []Matrix {
	const most = 256 << 20
	w, _ := weights(rand.New(rand.NewPCG(1, 1)), d, rows, cols)
	w.Stride = d.Bytes(d.Room([]int{1, cols}))
	all := []Matrix{w}
	for len(all)*rows*w.Stride < most {
		data := make([]byte, rows*w.Stride+64)
		data = data[-int(uintptr(unsafe.Pointer(&data[0])))&63:]
		copy(data, w.Data[:rows*w.Stride])
		c := w
		c.Data = data[:rows*w.Stride]
		all = append(all, c)
	}
	return all[1:]
}

// BenchmarkProducts reports the median time of a product, the weights' GB/s at
// it, and its ratio to a plain read of the same bytes, which takes turns with
// it.
func BenchmarkProducts(b *testing.B) {
	for _, threads := range []int{1, 2} {
		for _, d := range formats {
			ws := copies(d, 4096, 1024)
			for _, m := range []int{1, 2, 4, 8, 16, 32, 64} {
				b.Run(fmt.Sprintf("xwT/%v/M=%d/threads=%d", d, m, threads), func(b *testing.B) { benchProduct(b, MulT, ws, threads, m, 1024, 4096) })
				b.Run(fmt.Sprintf("xw/%v/M=%d/threads=%d", d, m, threads), func(b *testing.B) { benchProduct(b, Mul, ws, threads, m, 4096, 1024) })
			}
		}
	}
}

func benchProduct(b *testing.B, run func(p *pool.Pool, c, a gemm.Matrix, w Matrix, accumulate bool), ws []Matrix, threads, m, inner, outer int) {
	p := pool.New(threads)
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 1))
	a, c := gemm.RowMajor(strided(r, m, inner+2, false).Data, m, inner), gemm.RowMajor(make([]float32, m*outer), m, outer)
	var products, reads []time.Duration
	i := 0
	for b.Loop() {
		w, other := ws[i%len(ws)], ws[(i+len(ws)/2)%len(ws)]
		start := time.Now()
		run(p, c, a, w, false)
		products = append(products, time.Since(start))
		start = time.Now()
		read(p, other.Data)
		reads = append(reads, time.Since(start))
		i++
	}
	slices.Sort(products)
	slices.Sort(reads)
	median := products[len(products)/2].Seconds()
	b.ReportMetric(0, "ns/op") // both together
	b.ReportMetric(median*1e9, "ns/product")
	b.ReportMetric(float64(len(ws[0].Data))/median/1e9, "GB/s")
	b.ReportMetric(2*float64(m*inner*outer)/median/1e9, "GFLOP/s")
	b.ReportMetric(reads[len(reads)/2].Seconds()/median, "of-read")
}

// read is a plain read.
func read(p *pool.Pool, data []byte) {
	const parts = 8
	x := unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4)
	p.Do(parts, func(task int) { vec.Max(x[task*len(x)/parts : (task+1)*len(x)/parts]) })
}
