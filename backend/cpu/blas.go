package cpu

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// BLAS is an implementation of [blas.Float32] (and of the rest of BLAS, by
// embedding gonum's) in which Sgemm, Sgemv, Sger, Sdot, Saxpy and Sscal run on
// this package's kernels.
//
// It differs from gonum's where that strays from BLAS: zeros are multiplied
// like other numbers, so that NaN and infinities in the other factor come
// through; Sgemv with beta == 0 writes the elements of y only; Sger takes
// negative increments. Arguments are checked as gonum checks them, with the same panics.
type BLAS struct {
	gonum.Implementation
	pool *pool.Pool
}

var (
	_ blas.Float32 = BLAS{}
	_ blas.Float64 = BLAS{}
)

// NewBLAS returns a BLAS whose large products share the workers of p; with a
// nil p they run on their caller.
func NewBLAS(p *pool.Pool) BLAS { return BLAS{pool: p} }

// The panics of gonum's implementation.
const (
	zeroIncX = "blas: zero x index increment"
	zeroIncY = "blas: zero y index increment"

	mLT0 = "blas: m < 0"
	nLT0 = "blas: n < 0"
	kLT0 = "blas: k < 0"

	badTranspose = "blas: illegal transpose"

	badLdA = "blas: bad leading dimension of A"
	badLdB = "blas: bad leading dimension of B"
	badLdC = "blas: bad leading dimension of C"

	shortX = "blas: insufficient length of x"
	shortY = "blas: insufficient length of y"
	shortA = "blas: insufficient length of a"
	shortB = "blas: insufficient length of b"
	shortC = "blas: insufficient length of c"
)

// blasMust panics with message unless ok.
func blasMust(ok bool, message string) {
	if !ok {
		panic(message)
	}
}

// blasTrans reports whether t transposes, and panics if it is none of BLAS's values.
func blasTrans(t blas.Transpose) bool {
	blasMust(t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans, badTranspose)
	return t != blas.NoTrans
}

// blasReaches reports whether a vector of length n > 0 lies in its slice.
func blasReaches(length, n, inc int) bool {
	return (n-1)*max(inc, -inc) < length
}

// blasMatrix returns the view of op(A), rows x cols, which BLAS stores by rows
// with a distance of ld, before the transposition.
func blasMatrix(data []float32, trans bool, rows, cols, ld int) gemm.Matrix {
	if trans {
		return gemm.Matrix{Data: data, Rows: rows, Cols: cols, RowStride: 1, ColStride: ld}
	}
	return gemm.Matrix{Data: data, Rows: rows, Cols: cols, RowStride: ld, ColStride: 1}
}

// blasMustLd panics unless ld suits a matrix of which op(A) is rows x cols.
func blasMustLd(trans bool, rows, cols, ld int, message string) {
	if trans {
		cols = rows
	}
	blasMust(ld >= max(1, cols), message)
}

// blasMustHold panics unless a slice of the given length holds the matrix.
func blasMustHold(length int, trans bool, rows, cols, ld int, message string) {
	if trans {
		rows, cols = cols, rows
	}
	blasMust(length >= (rows-1)*ld+cols, message)
}

// Sgemm sets C = alpha*op(A)*op(B) + beta*C, where op(A) is m x k, op(B) is
// k x n, and op(X) is X or its transpose.
func (b BLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, x []float32, ldb int, beta float32, c []float32, ldc int) {
	aTrans, bTrans := blasTrans(tA), blasTrans(tB)
	blasMust(m >= 0, mLT0)
	blasMust(n >= 0, nLT0)
	blasMust(k >= 0, kLT0)
	blasMustLd(aTrans, m, k, lda, badLdA)
	blasMustLd(bTrans, k, n, ldb, badLdB)
	blasMustLd(false, m, n, ldc, badLdC)
	if m == 0 || n == 0 {
		return
	}
	blasMustHold(len(a), aTrans, m, k, lda, shortA)
	blasMustHold(len(x), bTrans, k, n, ldb, shortB)
	blasMustHold(len(c), false, m, n, ldc, shortC)
	gemm.Mul(b.pool, blasMatrix(c, false, m, n, ldc), blasMatrix(a, aTrans, m, k, lda), blasMatrix(x, bTrans, k, n, ldb), alpha, beta)
}

// Sgemv sets y = alpha*op(A)*x + beta*y, where A is m x n.
func (b BLAS) Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	trans := blasTrans(tA)
	blasMust(m >= 0, mLT0)
	blasMust(n >= 0, nLT0)
	blasMust(lda >= max(1, n), badLdA)
	blasMust(incX != 0, zeroIncX)
	blasMust(incY != 0, zeroIncY)
	if m == 0 || n == 0 {
		return
	}
	rows, cols := m, n
	if trans {
		rows, cols = n, m
	}
	blasMust(blasReaches(len(x), cols, incX), shortX)
	blasMust(blasReaches(len(y), rows, incY), shortY)
	blasMust(len(a) >= lda*(m-1)+n, shortA)
	if incX < 0 {
		x, incX = blasGather(x, cols, incX), 1
	}
	matrix := blasMatrix(a, trans, rows, cols, lda)
	if incY > 0 {
		gemm.MulVec(b.pool, gemm.Vector{Data: y, Stride: incY}, matrix, gemm.Vector{Data: x, Stride: incX}, alpha, beta)
		return
	}
	forward := blasGather(y, rows, incY)
	gemm.MulVec(b.pool, gemm.Vector{Data: forward, Stride: 1}, matrix, gemm.Vector{Data: x, Stride: incX}, alpha, beta)
	for i, v := range forward {
		y[blasIndex(i, rows, incY)] = v
	}
}

// blasIndex returns the index of element i of a vector of length n. With a
// negative increment BLAS counts from the end.
func blasIndex(i, n, inc int) int {
	if inc < 0 {
		return (i - n + 1) * inc
	}
	return i * inc
}

// blasGather returns a copy of a vector's elements.
func blasGather(x []float32, n, inc int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = x[blasIndex(i, n, inc)]
	}
	return out
}

// Sger sets A += alpha*x*y', where A is m x n.
func (b BLAS) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	blasMust(m >= 0, mLT0)
	blasMust(n >= 0, nLT0)
	blasMust(lda >= max(1, n), badLdA)
	blasMust(incX != 0, zeroIncX)
	blasMust(incY != 0, zeroIncY)
	if m == 0 || n == 0 {
		return
	}
	blasMust(blasReaches(len(x), m, incX), shortX)
	blasMust(blasReaches(len(y), n, incY), shortY)
	blasMust(len(a) >= lda*(m-1)+n, shortA)
	if alpha == 0 {
		return
	}
	if incY != 1 {
		y = blasGather(y, n, incY)
	}
	for i := range m {
		gemm.Axpy(alpha*x[blasIndex(i, m, incX)], y[:n], a[i*lda:i*lda+n])
	}
}

// Sdot returns the sum of x[i]*y[i].
func (b BLAS) Sdot(n int, x []float32, incX int, y []float32, incY int) float32 {
	if n <= 0 || incX != 1 || incY != 1 {
		return b.Implementation.Sdot(n, x, incX, y, incY)
	}
	blasMust(len(x) >= n, shortX)
	blasMust(len(y) >= n, shortY)
	return gemm.Dot(x[:n], y[:n])
}

// Saxpy sets y += alpha*x; where alpha is 0 it reads neither.
func (b BLAS) Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int) {
	if n <= 0 || incX != 1 || incY != 1 {
		b.Implementation.Saxpy(n, alpha, x, incX, y, incY)
		return
	}
	blasMust(len(x) >= n, shortX)
	blasMust(len(y) >= n, shortY)
	if alpha != 0 {
		gemm.Axpy(alpha, x[:n], y[:n])
	}
}

// Sscal sets x = alpha*x; where alpha is 0 it does not read x.
func (b BLAS) Sscal(n int, alpha float32, x []float32, incX int) {
	if n <= 0 || incX != 1 || alpha == 0 {
		b.Implementation.Sscal(n, alpha, x, incX)
		return
	}
	blasMust(len(x) >= n, shortX)
	gemm.Scale(alpha, x[:n])
}
