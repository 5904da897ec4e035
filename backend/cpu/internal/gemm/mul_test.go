package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// edges are sizes about those of the register tiles of all kernels.
var edges = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 14, 15, 16, 17, 23, 27, 28, 29, 31, 32, 33, 47, 48, 49, 63, 64, 65, 70}

var factors = []float32{0, 1, -1, 0.5, 2.25}

func TestMulEdges(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, m := range edges {
			for _, n := range edges {
				for range 4 {
					checkProduct(t, r, m, n, edges[r.IntN(len(edges))])
				}
			}
		}
	})
}

// TestMulLayouts has all combinations of strides, for each way a product goes.
func TestMulLayouts(t *testing.T) {
	sizes := [][3]int{{1, 37, 19}, {37, 1, 19}, {1, 1, 9}, {9, 45, 67}, {32, 45, 67}, {45, 50, 30}, {45, 20, 1}, {2, 3, 1}}
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, s := range sizes {
			for l := range layouts * layouts * layouts {
				lc, la, lb := l%layouts, l/layouts%layouts, l/layouts/layouts
				for _, beta := range factors {
					checkProductOf(t, r, s[0], s[1], s[2], lc, la, lb, 1.5, beta)
				}
			}
		}
	})
}

func checkProduct(t *testing.T, r *rand.Rand, m, n, k int) {
	t.Helper()
	some := func() layout { return layout(r.IntN(int(layouts))) }
	checkProductOf(t, r, m, n, k, some(), some(), some(), factors[r.IntN(len(factors))], factors[r.IntN(len(factors))])
}

func checkProductOf(t *testing.T, r *rand.Rand, m, n, k int, lc, la, lb layout, alpha, beta float32) {
	t.Helper()
	name := fmt.Sprintf("%dx%dx%d layouts %d %d %d alpha %v beta %v", m, k, n, lc, la, lb, alpha, beta)
	a, b, c := newRandom(r, la, m, k), newRandom(r, lb, k, n), newRandom(r, lc, m, n)
	if beta == 0 {
		c = newGuarded(lc, m, n)
	}
	want, bound := reference(c.Matrix, a.Matrix, b.Matrix, alpha, beta)
	Mul(nil, c.Matrix, a.Matrix, b.Matrix, alpha, beta)
	ratio, at := worst(c.dense(), want, bound)
	require.LessOrEqual(t, ratio, 1.0, "%s, element %d", name, at)
	require.True(t, a.intact() && b.intact() && c.intact(), "%s: wrote outside", name)
}

// bigSizes exceed the blocks of every loop, in one dimension or all.
var bigSizes = [][3]int{{300, 300, 900}, {700, 90, 100}, {40, 9000, 70}, {33, 64, 3000}, {16, 5000, 300}, {8, 300, 5000}, {1, 6000, 300}, {6000, 1, 300}, {257, 513, 129}}

func TestMulBig(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, s := range bigSizes {
			checkProduct(t, r, s[0], s[1], s[2])
		}
	})
}

func TestMulBroadcast(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, s := range [][3]int{{40, 50, 30}, {8, 50, 30}, {1, 50, 30}, {50, 1, 30}} {
			m, n, k := s[0], s[1], s[2]
			row, col := newRandom(r, rowMajor, 1, k).Matrix, newRandom(r, rowMajor, k, 1).Matrix
			a, b := newRandom(r, rowMajor, m, k).Matrix, newRandom(r, colMajor, k, n).Matrix
			rows := Matrix{row.Data, m, k, 0, 1}
			cols := Matrix{col.Data, k, n, 1, 0}
			one := Matrix{row.Data, k, n, 0, 0}
			for _, f := range [][2]Matrix{{rows, b}, {a, cols}, {rows, cols}, {a, one}} {
				c := newGuarded(rowMajor, m, n)
				want, bound := reference(c.Matrix, f[0], f[1], 1, 0)
				Mul(nil, c.Matrix, f[0], f[1], 1, 0)
				ratio, _ := worst(c.dense(), want, bound)
				assert.LessOrEqual(t, ratio, 1.0, "%v", s)
				assert.True(t, c.intact())
			}
		}
	})
}

// TestMulThreads: the same bits with any number of workers, and again.
func TestMulThreads(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, s := range bigSizes {
			for _, lb := range []layout{rowMajor, colMajor} {
				a, b := newRandom(r, rowMajor, s[0], s[2]), newRandom(r, lb, s[2], s[1])
				c := newRandom(r, rowMajor, s[0], s[1])
				old := c.dense()
				packed := Pack(nil, b.Matrix)
				var first, firstPacked []float32
				for _, workers := range []int{1, 2, 4, 2} {
					p := pool.New(workers)
					copy(c.Data, old)
					Mul(p, c.Matrix, a.Matrix, b.Matrix, 1, 0.5)
					first = same(t, first, c.Data, s)
					copy(c.Data, old)
					packed.Mul(p, c.Matrix, a.Matrix, 0.5)
					firstPacked = same(t, firstPacked, c.Data, s)
					assert.True(t, c.intact())
					p.Close()
				}
			}
		}
	})
}

func same(t *testing.T, first, got []float32, size [3]int) []float32 {
	t.Helper()
	if first == nil {
		return append(first, got...)
	}
	for i := range got {
		if math.Float32bits(first[i]) != math.Float32bits(got[i]) {
			require.Fail(t, "other bits", "%v, element %d: %v, then %v", size, i, first[i], got[i])
		}
	}
	return first
}

// TestMulSpecial: NaN and infinities in one factor reach the result through
// zeros of the other, wherever they stand.
func TestMulSpecial(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	eachKernels(t, func(t *testing.T) {
		for _, s := range [][3]int{{1, 33, 35}, {33, 1, 35}, {15, 33, 35}, {45, 33, 35}} {
			for _, lb := range []layout{rowMajor, colMajor} {
				for _, v := range []float32{nan, inf, -inf} {
					m, n, k := s[0], s[1], s[2]
					a, b, c := newGuarded(rowMajor, m, k), newGuarded(lb, k, n), newGuarded(rowMajor, m, n)
					fill(a.Matrix, 0)
					fill(b.Matrix, 1)
					*b.at(k-1, n-1) = v
					Mul(nil, c.Matrix, a.Matrix, b.Matrix, 1, 0)
					for i := range m {
						assert.True(t, isNaN(*c.at(i, n-1)), "0*%v is %v", v, *c.at(i, n-1))
						assert.True(t, n == 1 || *c.at(i, 0) == 0)
					}
					fill(a.Matrix, 1)
					Mul(nil, c.Matrix, a.Matrix, b.Matrix, 1, 0)
					got := *c.at(m-1, n-1)
					assert.True(t, got == v || isNaN(got) && isNaN(v), "sum with %v is %v", v, got)
				}
			}
		}
	})
}

func isNaN(v float32) bool { return v != v }

func fill(m Matrix, v float32) {
	for i := range m.Rows {
		for j := range m.Cols {
			*m.at(i, j) = v
		}
	}
}

// TestMulUnread: what alpha and beta exclude is not read.
func TestMulUnread(t *testing.T) {
	nan := float32(math.NaN())
	a, b, c := newGuarded(rowMajor, 3, 4).Matrix, newGuarded(rowMajor, 4, 5).Matrix, newGuarded(rowMajor, 3, 5).Matrix
	fill(c, 2)
	Mul(nil, c, a, b, 0, 1.5)
	assert.Equal(t, float32(3), *c.at(2, 4), "alpha 0")
	fill(c, nan)
	Mul(nil, c, a, b, 0, 0)
	assert.Equal(t, make([]float32, 15), c.dense(), "alpha 0 and beta 0")
	fill(c, 2)
	Mul(nil, c, a.slice(0, 0, 3, 0), b.slice(0, 0, 0, 5), 1, -1)
	assert.Equal(t, float32(-2), *c.at(2, 4), "no terms")
}

func TestMulPanics(t *testing.T) {
	m := func(rows, cols int) Matrix { return RowMajor(make([]float32, rows*cols), rows, cols) }
	assert.PanicsWithValue(t, ShapeError{"Mul", [2]int{2, 3}, [2]int{2, 4}, [2]int{5, 3}},
		func() { Mul(nil, m(2, 3), m(2, 4), m(5, 3), 1, 0) })
	short := m(2, 4)
	short.Data = short.Data[:7]
	assert.PanicsWithValue(t, ViewError{"Mul", 2, 4, 4, 1, 7}, func() { Mul(nil, m(2, 3), short, m(4, 3), 1, 0) })
	negative := m(4, 3)
	negative.RowStride = -3
	assert.PanicsWithValue(t, ViewError{"Mul", 4, 3, -3, 1, 12}, func() { Mul(nil, m(2, 3), m(2, 4), negative, 1, 0) })
	assert.EqualError(t, ShapeError{"Mul", [2]int{2, 3}, [2]int{2, 4}, [2]int{5, 3}}, "gemm: Mul: shapes do not fit: [2 3] = [2 4] * [5 3]")
	assert.EqualError(t, ViewError{"Mul", 2, 4, 4, 1, 7}, "gemm: Mul: bad view: 2x4 with strides 4 and 1 of 7 elements")
}
