package quant

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/tensor"
)

var formats = []tensor.DType{tensor.BFloat16, tensor.Int8}

// eachKernels runs f with every set of kernels of this machine.
func eachKernels(t *testing.T, f func(t *testing.T)) {
	old := active
	defer func() { active = old }()
	for _, kn := range available() {
		active = kn
		t.Run(kn.name, f)
	}
}

// weights are random weights whose rows have some bytes between them, filled
// with ones that would be NaN, and the numbers that they stand for.
func weights(r *rand.Rand, d tensor.DType, rows, cols int) (w Matrix, plain []float64) {
	n := d.Bytes(d.Room([]int{1, cols}))
	w = Matrix{Format: d, Rows: rows, Cols: cols, Stride: n + 2*r.IntN(3)}
	if d == tensor.Int8 {
		w.Stride = n + 36*r.IntN(2)
	}
	w.Data = make([]byte, max(0, (rows-1)*w.Stride+n))
	for i := range w.Data {
		w.Data[i] = 0xff
	}
	row := make([]float32, cols)
	for i := range rows {
		for k := range row {
			row[k] = float32(r.NormFloat64())
		}
		if d == tensor.Int8 {
			Quantise(w.row(i), row)
		} else {
			for k, v := range row {
				bits := math.Float32bits(v)
				w.row(i)[2*k], w.row(i)[2*k+1] = byte(bits>>16), byte(bits>>24)
			}
		}
		for k := range row {
			plain = append(plain, element(w, i, k))
		}
	}
	return w, plain
}

// element is what is stored, by the description of the formats.
func element(w Matrix, i, k int) float64 {
	row := w.row(i)
	if w.Format == tensor.BFloat16 {
		return float64(math.Float32frombits(uint32(row[2*k])<<16 | uint32(row[2*k+1])<<24))
	}
	block := row[k/32*36:]
	scale := math.Float32frombits(uint32(block[0]) | uint32(block[1])<<8 | uint32(block[2])<<16 | uint32(block[3])<<24)
	return float64(scale) * float64(int8(block[4+k%32]))
}

// strided is a random matrix with gaps, by columns if across.
func strided(r *rand.Rand, rows, cols int, across bool) gemm.Matrix {
	m := gemm.Matrix{Rows: rows, Cols: cols, RowStride: cols + r.IntN(3), ColStride: 1}
	size := rows * m.RowStride
	if across {
		m.RowStride, m.ColStride = 1, rows+r.IntN(3)
		size = cols * m.ColStride
	}
	m.Data = make([]float32, size)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

func at(m gemm.Matrix, i, j int) *float32 { return &m.Data[i*m.RowStride+j*m.ColStride] }

// checkProduct compares both products of every kind with float64.
func checkProduct(t *testing.T, r *rand.Rand, d tensor.DType, m, n, k int, transposed, accumulate bool) {
	t.Helper()
	w, plain := weights(r, d, n, k)
	inner, outer := k, n
	if !transposed {
		inner, outer = n, k
	}
	a, c := strided(r, m, inner, r.IntN(3) == 0), strided(r, m, outer, r.IntN(3) == 0)
	old := append([]float32{}, c.Data...)
	poison()
	run := Mul
	if transposed {
		run = MulT
	}
	run(nil, c, a, w, accumulate)
	touched := make([]bool, len(c.Data))
	for i := range m {
		for j := range outer {
			where := i*c.RowStride + j*c.ColStride
			touched[where] = true
			sum, size := 0.0, 1.0
			if accumulate {
				sum = float64(old[where])
			}
			for p := range inner {
				v := plain[j*k*b2i(transposed)+p*b2i(transposed)+(p*k+j)*(1-b2i(transposed))]
				sum += float64(*at(a, i, p)) * v
				size += math.Abs(float64(*at(a, i, p)) * v)
			}
			require.InDelta(t, sum, c.Data[where], 1e-6*size, "%v %dx%dx%d transposed=%v element %d,%d", d, m, n, k, transposed, i, j)
		}
	}
	for i, v := range c.Data {
		if !touched[i] {
			require.Equal(t, old[i], v, "wrote between the rows of the result")
		}
	}
}

// poison fills the scratch memory that the next product finds with NaN.
func poison() {
	s := scratches.GetOrNew()
	data := s.take(1 << 14)
	for i := range data {
		data[i] = float32(math.NaN())
	}
	scratches.Put(s)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestProducts(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, d := range formats {
			for _, m := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 32, 33, 50} {
				for _, s := range [][2]int{{1, 1}, {1, 32}, {3, 31}, {5, 64}, {9, 33}, {10, 70}, {17, 100}, {40, 96}, {0, 5}, {4, 0}} {
					checkProduct(t, r, d, m, s[0], s[1], true, false)
					checkProduct(t, r, d, m, s[0], s[1], true, true)
					checkProduct(t, r, d, m, s[0], s[1], false, false)
					checkProduct(t, r, d, m, s[0], s[1], false, true)
				}
			}
		}
	})
}

// FuzzProducts compares every set of kernels with float64.
func FuzzProducts(f *testing.F) {
	f.Add(uint64(1), uint8(3), uint8(20), uint8(70), true, false)
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint8, transposed, accumulate bool) {
		old := active
		defer func() { active = old }()
		for _, active = range available() {
			for _, d := range formats {
				checkProduct(t, rand.New(rand.NewPCG(seed, 3)), d, int(m%70), int(n), int(k), transposed, accumulate)
			}
		}
	})
}

// Every kernel widens to the same bits.
func TestWiden(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 5))
		for _, d := range formats {
			for _, k := range []int{1, 31, 32, 33, 64, 200} {
				w, plain := weights(r, d, 3, k)
				for i := range 3 {
					got := make([]float32, k)
					w.Widen(got, i)
					for j, v := range got {
						require.Equal(t, float32(plain[i*k+j]), v, "%v, %d of %d", d, j, k)
					}
				}
			}
		}
	})
}

// NaN and infinities come through, in either factor, zeros or not.
func TestProductsCarryNaN(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		for _, d := range formats {
			for _, m := range []int{1, 2, 9, 40} {
				for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
					w, _ := weights(rand.New(rand.NewPCG(1, 1)), d, 6, 40)
					clear(w.Data)
					a, c := gemm.RowMajor(make([]float32, m*40), m, 40), gemm.RowMajor(make([]float32, m*6), m, 6)
					a.Data[37] = bad // times zeros
					MulT(nil, c, a, w, false)
					for i, v := range c.Data {
						assert.Equal(t, i < 6, v != v, "%v, row %d", d, i/6)
					}
					a, c = gemm.RowMajor(make([]float32, m*6), m, 6), gemm.RowMajor(make([]float32, m*40), m, 40)
					a.Data[5] = bad
					Mul(nil, c, a, w, false)
					for i, v := range c.Data {
						assert.Equal(t, i < 40, v != v, "%v, row %d", d, i/40)
					}
				}
			}
		}
	})
}

func TestThreadsChangeNothing(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		for _, d := range formats {
			for _, m := range []int{1, 3, 16, 40} {
				r := rand.New(rand.NewPCG(7, uint64(m)))
				w, _ := weights(r, d, 300, 1000)
				narrow, wide := strided(r, m, 300, false), strided(r, m, 1000, false)
				var want [2][]float32
				for _, workers := range []int{1, 2, 3} {
					p := pool.New(workers)
					c, e := strided(r, m, 300, false), strided(r, m, 1000, false)
					c, e = gemm.RowMajor(make([]float32, m*300), m, 300), gemm.RowMajor(make([]float32, m*1000), m, 1000)
					MulT(p, c, wide, w, false)
					Mul(p, e, narrow, w, false)
					p.Close()
					if workers == 1 {
						want = [2][]float32{c.Data, e.Data}
					}
					assert.Equal(t, want, [2][]float32{c.Data, e.Data}, "%v, %d rows, %d workers", d, m, workers)
				}
			}
		}
	})
}

func TestMisfitsPanic(t *testing.T) {
	w, _ := weights(rand.New(rand.NewPCG(1, 1)), tensor.Int8, 3, 40)
	c, a := gemm.RowMajor(make([]float32, 6), 2, 3), gemm.RowMajor(make([]float32, 80), 2, 40)
	var e *tensor.Error
	for name, f := range map[string]func(){
		"MulT":  func() { MulT(nil, c, c, w, false) },
		"Mul":   func() { Mul(nil, c, a, w, false) },
		"short": func() { w.Data = w.Data[:len(w.Data)-1]; MulT(nil, c, a, w, false) },
	} {
		func() {
			defer func() { require.ErrorAs(t, fmt.Errorf("%w", recover().(error)), &e, name) }()
			f()
		}()
	}
}
