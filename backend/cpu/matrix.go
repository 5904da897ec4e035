package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// matrix is a strided look at numbers: element (i, j) is data[i*rs+j*cs].
type matrix[T float] struct {
	data               []T
	rows, cols, rs, cs int
}

func (m matrix[T]) transpose() matrix[T] {
	return matrix[T]{m.data, m.cols, m.rows, m.cs, m.rs}
}

// dense tells whether the rows are runs that do not overlap, as BLAS wants them.
func (m matrix[T]) dense() bool {
	return (m.cs == 1 || m.cols == 1) && (m.rs >= m.cols || m.rows == 1)
}

// mul is c = a x, or c += a x, with the threads of b.
func mul[T float](b *Backend, c, a, x matrix[T], accumulate bool) {
	product(b, b.pool, c, a, x, accumulate)
}

// mulSerial is mul on the caller's thread, for a task of a parallel region.
func mulSerial[T float](b *Backend, c, a, x matrix[T], accumulate bool) {
	product(b, nil, c, a, x, accumulate)
}

func product[T float](b *Backend, p *pool.Pool, c, a, x matrix[T], accumulate bool) {
	if c.rows == 0 || c.cols == 0 {
		return
	}
	if a.cols == 0 {
		if !accumulate {
			clearMatrix(c)
		}
		return
	}
	if c, ok := any(c).(matrix[float32]); ok {
		beta := float32(0)
		if accumulate {
			beta = 1
		}
		a, x := any(a).(matrix[float32]), any(x).(matrix[float32])
		if !b.prepared.mul(p, c, a, x, beta) {
			gemm.Mul(p, panel(c), panel(a), panel(x), 1, beta)
		}
		return
	}
	product64(b, p, any(c).(matrix[float64]), any(a).(matrix[float64]), any(x).(matrix[float64]), accumulate)
}

// panel is m as package gemm calls it.
func panel(m matrix[float32]) gemm.Matrix {
	return gemm.Matrix{Data: m.data, Rows: m.rows, Cols: m.cols, RowStride: m.rs, ColStride: m.cs}
}

func clearMatrix[T float](c matrix[T]) {
	for i := range c.rows {
		for j := range c.cols {
			c.data[i*c.rs+j*c.cs] = 0
		}
	}
}

// The tile of one blas64 call: small enough that gonum starts no goroutines of
// its own for it.
const (
	tileRows = 64
	tileCols = 192
)

// product64 asks blas64 for a x^T only: gonum's other forms skip zeros of a,
// and would lose 0 x NaN.
func product64(b *Backend, p *pool.Pool, c, a, x matrix[float64], accumulate bool) {
	if !c.dense() && c.transpose().dense() {
		c, a, x = c.transpose(), x.transpose(), a.transpose()
	}
	x = x.transpose()
	if !a.dense() {
		a = pack(b, a)
		defer release(b, a.data)
	}
	if !x.dense() {
		x = pack(b, x)
		defer release(b, x.data)
	}
	out := c
	beta := 0.0
	if !c.dense() {
		out = matrix[float64]{scratch[float64](b, c.rows*c.cols), c.rows, c.cols, c.cols, 1}
		defer release(b, out.data)
	} else if accumulate {
		beta = 1
	}
	across := (c.cols + tileCols - 1) / tileCols
	down := (c.rows + tileRows - 1) / tileRows
	p.Do(across*down, func(task int) {
		i, j := task/across*tileRows, task%across*tileCols
		rows, cols := min(tileRows, c.rows-i), min(tileCols, c.cols-j)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, general(a, i, rows, 0, a.cols), general(x, j, cols, 0, x.cols), beta, general(out, i, rows, j, cols))
	})
	if !c.dense() {
		store64(c, out, accumulate)
	}
}

// pack copies m into scratch, row-major.
func pack(b *Backend, m matrix[float64]) matrix[float64] {
	d := scratch[float64](b, m.rows*m.cols)
	for i := range m.rows {
		for j := range m.cols {
			d[i*m.cols+j] = m.data[i*m.rs+j*m.cs]
		}
	}
	return matrix[float64]{d, m.rows, m.cols, m.cols, 1}
}

// store64 is c = m, or c += m.
func store64(c, m matrix[float64], accumulate bool) {
	for i := range c.rows {
		for j := range c.cols {
			v := m.data[i*m.rs+j]
			if accumulate {
				v += c.data[i*c.rs+j*c.cs]
			}
			c.data[i*c.rs+j*c.cs] = v
		}
	}
}

// general is a block of a dense matrix as blas64 calls it.
func general(m matrix[float64], i, rows, j, cols int) blas64.General {
	stride := m.rs
	if m.rows == 1 {
		stride = m.cols
	}
	return blas64.General{Rows: rows, Cols: cols, Stride: stride, Data: m.data[i*stride+j:]}
}
