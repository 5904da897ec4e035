package cpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gonum.org/v1/gonum/blas/testblas"

	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// doubled lets gonum's float64 suites run the float32 routines. Their numbers
// have few digits; so that sums in float32 compare equal, results are rounded
// to six digits. (The suite of Dger has more than that.)
type doubled struct{ cpu.BLAS }

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

func widen(dst []float64, src []float32) {
	for i, v := range src {
		dst[i] = sixDigits(v)
	}
}

func sixDigits(v float32) float64 {
	if math.Abs(float64(v)) < 1e-5 {
		return 0
	}
	d, err := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', 6, 64), 64)
	if err != nil {
		panic(err)
	}
	return d
}

func (d doubled) Dgemm(tA, tB blas.Transpose, m, n, k int, alpha float64, a []float64, lda int, b []float64, ldb int, beta float64, c []float64, ldc int) {
	c32 := narrow(c)
	d.Sgemm(tA, tB, m, n, k, float32(alpha), narrow(a), lda, narrow(b), ldb, float32(beta), c32, ldc)
	widen(c, c32)
}

func (d doubled) Dgemv(tA blas.Transpose, m, n int, alpha float64, a []float64, lda int, x []float64, incX int, beta float64, y []float64, incY int) {
	y32 := narrow(y)
	d.Sgemv(tA, m, n, float32(alpha), narrow(a), lda, narrow(x), incX, float32(beta), y32, incY)
	widen(y, y32)
}

func (d doubled) Ddot(n int, x []float64, incX int, y []float64, incY int) float64 {
	return sixDigits(d.Sdot(n, narrow(x), incX, narrow(y), incY))
}

func (d doubled) Daxpy(n int, alpha float64, x []float64, incX int, y []float64, incY int) {
	y32 := narrow(y)
	d.Saxpy(n, float32(alpha), narrow(x), incX, y32, incY)
	widen(y, y32)
}

func (d doubled) Dscal(n int, alpha float64, x []float64, incX int) {
	x32 := narrow(x)
	d.Sscal(n, float32(alpha), x32, incX)
	widen(x, x32)
}

func TestBLASSuites(t *testing.T) {
	d := doubled{cpu.NewBLAS(nil)}
	t.Run("Sgemm", func(t *testing.T) { testblas.TestDgemm(t, d) })
	t.Run("Sgemv", func(t *testing.T) { testblas.DgemvTest(t, d) })
	t.Run("Sdot", func(t *testing.T) { testblas.DdotTest(t, d) })
	t.Run("Saxpy", func(t *testing.T) { testblas.DaxpyTest(t, d) })
	t.Run("Sscal", func(t *testing.T) { testblas.DscalTest(t, d) })
}

var transposes = []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}

func randoms(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// requireClose compares with sums of up to terms products of normal numbers.
func requireClose(t *testing.T, want, got []float32, terms int, name string) {
	t.Helper()
	tolerance := 1e-5 * math.Sqrt(float64(terms+1)) * 2
	for i := range want {
		if !(math.Abs(float64(want[i]-got[i])) <= tolerance) {
			require.Fail(t, "mismatch", "%s: element %d: want %v, got %v", name, i, want[i], got[i])
		}
	}
}

// TestSgemmGonum compares on the grid of sizes of gonum's complex suites.
func TestSgemmGonum(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := pool.New(2)
	defer p.Close()
	ours, theirs := cpu.NewBLAS(p), gonum.Implementation{}
	for _, m := range []int{0, 1, 2, 5, 10, 33} {
		for _, n := range []int{0, 1, 2, 5, 10, 33} {
			for _, k := range []int{0, 1, 2, 7, 11, 40} {
				for i := range 9 * 9 {
					tA, tB := transposes[i%3], transposes[i/3%3]
					alpha, beta := []float32{0, 1, 1.5}[i/9%3], []float32{0, 1, -0.5}[i/27]
					pad := r.IntN(2) * 3
					lda, ldb, ldc := max(m, k, 1)+pad, max(k, n, 1)+pad, max(n, 1)+pad
					a, b := randoms(r, max(m, k, 1)*lda), randoms(r, max(k, n, 1)*ldb)
					c := randoms(r, max(m, 1)*ldc)
					want := slices.Clone(c)
					theirs.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, want, ldc)
					ours.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
					requireClose(t, want, c, k, fmt.Sprint("Sgemm ", tA, tB, m, n, k, alpha, beta, pad))
				}
			}
		}
	}
}

// TestLevel2 compares with plain loops: gonum's Sgemv clears the whole slice
// of y where beta is 0, and its Sger misreads negative increments.
func TestLevel2(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	sizes := []int{0, 1, 2, 3, 4, 5, 8, 17, 40}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, incX := range []int{-2, -1, 1, 3} {
				for _, incY := range []int{-3, -1, 1, 2} {
					checkLevel2(t, r, m, n, incX, incY)
				}
			}
		}
	}
}

func checkLevel2(t *testing.T, r *rand.Rand, m, n, incX, incY int) {
	t.Helper()
	ours := cpu.NewBLAS(nil)
	lda, most := n+1+r.IntN(3), max(m, n, 1)
	a, x, y := randoms(r, max(m, 1)*lda), randoms(r, 3*most), randoms(r, 3*most)
	alpha, beta := []float32{0, 1, -1.5}[r.IntN(3)], []float32{0, 1, 0.5}[r.IntN(3)]
	name := fmt.Sprint(" ", m, n, incX, incY, alpha, beta)
	for _, trans := range transposes {
		got, want := slices.Clone(y), slices.Clone(y)
		ours.Sgemv(trans, m, n, alpha, a, lda, x, incX, beta, got, incY)
		plainGemv(trans != blas.NoTrans, m, n, alpha, a, lda, x, incX, beta, want, incY)
		requireClose(t, want, got, most, "Sgemv "+string(rune(trans))+name)
	}
	got, want := slices.Clone(a), slices.Clone(a)
	ours.Sger(m, n, alpha, x, incX, y, incY, got, lda)
	for i := range m {
		for j := range n {
			want[i*lda+j] += alpha * x[element(i, m, incX)] * y[element(j, n, incY)]
		}
	}
	requireClose(t, want, got, 1, "Sger"+name)
}

func plainGemv(trans bool, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	if m == 0 || n == 0 {
		return
	}
	rows, cols, down, right := m, n, lda, 1
	if trans {
		rows, cols, down, right = n, m, 1, lda
	}
	for i := range rows {
		var sum float32
		for j := range cols {
			sum += a[i*down+j*right] * x[element(j, cols, incX)]
		}
		at := element(i, rows, incY)
		y[at] = alpha*sum + beta*y[at]
	}
}

// element returns the index of element i of n.
func element(i, n, inc int) int {
	if inc < 0 {
		i = n - 1 - i
	}
	return i * max(inc, -inc)
}

func TestLevel1Gonum(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	ours, theirs := cpu.NewBLAS(nil), gonum.Implementation{}
	for n := range 80 {
		for _, incX := range []int{-2, -1, 1, 3} {
			for _, incY := range []int{-3, -1, 1, 2} {
				x, y := randoms(r, 3*n+1), randoms(r, 3*n+1)
				alpha := []float32{0, 1, -1.5}[r.IntN(3)]
				name := fmt.Sprint(" ", n, incX, incY, alpha)
				requireClose(t, []float32{theirs.Sdot(n, x, incX, y, incY)}, []float32{ours.Sdot(n, x, incX, y, incY)}, n, "Sdot"+name)
				got, want := slices.Clone(y), slices.Clone(y)
				ours.Saxpy(n, alpha, x, incX, got, incY)
				theirs.Saxpy(n, alpha, x, incX, want, incY)
				requireClose(t, want, got, 1, "Saxpy"+name)
				ours.Sscal(n, alpha, got, incX)
				theirs.Sscal(n, alpha, want, incX)
				requireClose(t, want, got, 1, "Sscal"+name)
			}
		}
	}
}

// single is what badCalls call.
type single interface {
	Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int)
	Sgemv(tA blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int)
	Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int)
	Sdot(n int, x []float32, incX int, y []float32, incY int) float32
	Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int)
	Sscal(n int, alpha float32, x []float32, incX int)
}

const no, yes = blas.NoTrans, blas.Trans

func s(n int) []float32 { return make([]float32, n) }

// badCalls have one bad argument each, the one they are named for.
var badCalls = map[string]func(single){
	"Sgemm tA":     func(b single) { b.Sgemm('X', no, 2, 3, 4, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm tB":     func(b single) { b.Sgemm(no, 'X', 2, 3, 4, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm m":      func(b single) { b.Sgemm(no, no, -1, 3, 4, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm n":      func(b single) { b.Sgemm(no, no, 2, -1, 4, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm k":      func(b single) { b.Sgemm(no, no, 2, 3, -1, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm lda":    func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(8), 3, s(12), 3, 0, s(6), 3) },
	"Sgemm lda, T": func(b single) { b.Sgemm(yes, no, 2, 3, 4, 1, s(8), 1, s(12), 3, 0, s(6), 3) },
	"Sgemm ldb":    func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(8), 4, s(12), 2, 0, s(6), 3) },
	"Sgemm ldb, T": func(b single) { b.Sgemm(no, yes, 2, 3, 4, 1, s(8), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm ldc":    func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(8), 4, s(12), 3, 0, s(6), 2) },
	"Sgemm a":      func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(7), 4, s(12), 3, 0, s(6), 3) },
	"Sgemm a, T":   func(b single) { b.Sgemm(yes, no, 2, 3, 4, 1, s(7), 2, s(12), 3, 0, s(6), 3) },
	"Sgemm b":      func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(8), 4, s(11), 3, 0, s(6), 3) },
	"Sgemm b, T":   func(b single) { b.Sgemm(no, yes, 2, 3, 4, 1, s(8), 4, s(11), 4, 0, s(6), 3) },
	"Sgemm c":      func(b single) { b.Sgemm(no, no, 2, 3, 4, 1, s(8), 4, s(12), 3, 0, s(5), 3) },
	"Sgemv tA":     func(b single) { b.Sgemv('X', 2, 3, 1, s(6), 3, s(3), 1, 0, s(2), 1) },
	"Sgemv m":      func(b single) { b.Sgemv(no, -2, 3, 1, s(6), 3, s(3), 1, 0, s(2), 1) },
	"Sgemv n":      func(b single) { b.Sgemv(no, 2, -3, 1, s(6), 3, s(3), 1, 0, s(2), 1) },
	"Sgemv lda":    func(b single) { b.Sgemv(no, 2, 3, 1, s(6), 2, s(3), 1, 0, s(2), 1) },
	"Sgemv incX":   func(b single) { b.Sgemv(no, 2, 3, 1, s(6), 3, s(3), 0, 0, s(2), 1) },
	"Sgemv incY":   func(b single) { b.Sgemv(no, 2, 3, 1, s(6), 3, s(3), 1, 0, s(2), 0) },
	"Sgemv x":      func(b single) { b.Sgemv(no, 2, 3, 1, s(6), 3, s(4), 2, 0, s(2), 1) },
	"Sgemv y":      func(b single) { b.Sgemv(yes, 2, 3, 1, s(6), 3, s(3), 1, 0, s(2), 1) },
	"Sgemv a":      func(b single) { b.Sgemv(no, 2, 3, 1, s(5), 3, s(3), 1, 0, s(2), 1) },
	"Sger m":       func(b single) { b.Sger(-2, 3, 1, s(2), 1, s(3), 1, s(6), 3) },
	"Sger n":       func(b single) { b.Sger(2, -3, 1, s(2), 1, s(3), 1, s(6), 3) },
	"Sger lda":     func(b single) { b.Sger(2, 3, 1, s(2), 1, s(3), 1, s(6), 2) },
	"Sger incX":    func(b single) { b.Sger(2, 3, 1, s(2), 0, s(3), 1, s(6), 3) },
	"Sger incY":    func(b single) { b.Sger(2, 3, 1, s(2), 1, s(3), 0, s(6), 3) },
	"Sger x":       func(b single) { b.Sger(2, 3, 1, s(2), 2, s(3), 1, s(6), 3) },
	"Sger y":       func(b single) { b.Sger(2, 3, 1, s(2), 1, s(2), 1, s(6), 3) },
	"Sger a":       func(b single) { b.Sger(2, 3, 1, s(2), 1, s(3), 1, s(5), 3) },
	"Sdot n":       func(b single) { b.Sdot(-1, s(2), 1, s(2), 1) },
	"Sdot incX":    func(b single) { b.Sdot(2, s(2), 0, s(2), 1) },
	"Sdot incY":    func(b single) { b.Sdot(2, s(2), 1, s(2), 0) },
	"Sdot x":       func(b single) { b.Sdot(2, s(1), 1, s(2), 1) },
	"Sdot y":       func(b single) { b.Sdot(2, s(2), 1, s(1), 1) },
	"Saxpy n":      func(b single) { b.Saxpy(-1, 1, s(2), 1, s(2), 1) },
	"Saxpy x":      func(b single) { b.Saxpy(2, 1, s(1), 1, s(2), 1) },
	"Saxpy y":      func(b single) { b.Saxpy(2, 1, s(2), 1, s(1), 1) },
	"Saxpy incX":   func(b single) { b.Saxpy(2, 1, s(2), 0, s(2), 1) },
	"Sscal n":      func(b single) { b.Sscal(-1, 1, s(2), 1) },
	"Sscal incX":   func(b single) { b.Sscal(2, 1, s(2), 0) },
	"Sscal x":      func(b single) { b.Sscal(2, 2, s(1), 1) },
}

// TestBLASPanics: the panic for a bad argument is gonum's, word for word.
func TestBLASPanics(t *testing.T) {
	for name, call := range badCalls {
		t.Run(name, func(t *testing.T) {
			want := recovered(func() { call(gonum.Implementation{}) })
			require.NotNil(t, want, "gonum accepts it")
			assert.Equal(t, want, recovered(func() { call(cpu.NewBLAS(nil)) }))
		})
	}
}

func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// TestSgemmZeroTimesNaN: what gonum's implementation loses.
func TestSgemmZeroTimesNaN(t *testing.T) {
	nan := float32(math.NaN())
	c := make([]float32, 4)
	cpu.NewBLAS(nil).Sgemm(blas.NoTrans, blas.NoTrans, 2, 2, 2, 1, make([]float32, 4), 2, []float32{nan, nan, nan, nan}, 2, 0, c, 2)
	for _, v := range c {
		assert.True(t, v != v, "%v", c)
	}
}
