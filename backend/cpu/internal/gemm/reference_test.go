package gemm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// eachKernels runs f with every set of kernels this machine has.
func eachKernels(t *testing.T, f func(t *testing.T)) {
	for _, kn := range available() {
		t.Run(kn.name, func(t *testing.T) {
			defer func(old *kernels) { active = old }(active)
			active = kn
			f(t)
		})
	}
}

// A layout places a matrix in memory.
type layout int

const (
	rowMajor layout = iota
	colMajor
	rowGaps   // row major, rows apart
	colGaps   // column major, columns apart
	scattered // no unit stride
	layouts
)

func (l layout) view(rows, cols int) Matrix {
	m := Matrix{Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
	switch l {
	case colMajor:
		m.RowStride, m.ColStride = 1, rows
	case rowGaps:
		m.RowStride = cols + 3
	case colGaps:
		m.RowStride, m.ColStride = 1, rows+5
	case scattered:
		m.RowStride, m.ColStride = 2*cols+1, 2
	}
	return m
}

// span returns the number of elements from the first of m to its last.
func span(m Matrix) int {
	if m.Rows == 0 || m.Cols == 0 {
		return 0
	}
	return (m.Rows-1)*m.RowStride + (m.Cols-1)*m.ColStride + 1
}

func (m Matrix) at(i, j int) *float32 { return &m.Data[i*m.RowStride+j*m.ColStride] }

const guard = 64

// A guarded matrix has NaN before, after and between its elements. Those
// numbers spoil a result that reads them, and are missed when overwritten.
type guarded struct {
	Matrix
	whole []float32
}

var guardBits = uint32(0x7fc0beef)

func newGuarded(l layout, rows, cols int) guarded {
	m := l.view(rows, cols)
	whole := make([]float32, span(m)+2*guard)
	for i := range whole {
		whole[i] = math.Float32frombits(guardBits)
	}
	m.Data = whole[guard : len(whole)-guard]
	return guarded{m, whole}
}

func newRandom(r *rand.Rand, l layout, rows, cols int) guarded {
	g := newGuarded(l, rows, cols)
	for i := range rows {
		for j := range cols {
			*g.at(i, j) = float32(r.NormFloat64())
		}
	}
	return g
}

// intact says whether every guard is as it was.
func (g guarded) intact() bool {
	own := make([]bool, len(g.whole))
	for i := range g.Rows {
		for j := range g.Cols {
			own[guard+i*g.RowStride+j*g.ColStride] = true
		}
	}
	for i, v := range g.whole {
		if !own[i] && math.Float32bits(v) != guardBits {
			return false
		}
	}
	return true
}

func (m Matrix) dense() []float32 {
	d := make([]float32, 0, m.Rows*m.Cols)
	for i := range m.Rows {
		for j := range m.Cols {
			d = append(d, *m.at(i, j))
		}
	}
	return d
}

// reference returns alpha*a*b + beta*c in float64, row by row, and for each
// element a bound of the error of float32 sums in any order.
func reference(c, a, b Matrix, alpha, beta float32) (want, bound []float64) {
	for i := range c.Rows {
		for j := range c.Cols {
			var sum, size float64
			for p := range a.Cols {
				v := float64(*a.at(i, p)) * float64(*b.at(p, j))
				sum += v
				size += math.Abs(v)
			}
			sum *= float64(alpha)
			size *= math.Abs(float64(alpha))
			if alpha == 0 {
				sum, size = 0, 0
			}
			if beta != 0 {
				sum += float64(beta) * float64(*c.at(i, j))
				size += math.Abs(float64(beta) * float64(*c.at(i, j)))
			}
			want = append(want, sum)
			bound = append(bound, size*float64(a.Cols+4)*0x1p-24)
		}
	}
	return want, bound
}

// worst returns the largest error as a multiple of its bound, and where it is.
func worst(got []float32, want, bound []float64) (ratio float64, at int) {
	for i, w := range want {
		err := math.Abs(float64(got[i]) - w)
		switch {
		case err == 0:
		case math.IsNaN(err) || bound[i] == 0:
			return math.Inf(1), i
		case err/bound[i] > ratio:
			ratio, at = err/bound[i], i
		}
	}
	return ratio, at
}
