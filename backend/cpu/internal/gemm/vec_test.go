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

func TestMulVec(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		for _, m := range edges {
			for _, k := range edges {
				for l := range layouts {
					checkMulVec(t, r, nil, m, k, l)
				}
			}
		}
		p := pool.New(2)
		defer p.Close()
		for l := range layouts {
			checkMulVec(t, r, p, 5000, 333, l)
			checkMulVec(t, r, p, 333, 5000, l)
		}
	})
}

func checkMulVec(t *testing.T, r *rand.Rand, p *pool.Pool, m, k int, l layout) {
	t.Helper()
	alpha, beta := factors[r.IntN(len(factors))], factors[r.IntN(len(factors))]
	name := fmt.Sprintf("%dx%d layout %d alpha %v beta %v", m, k, l, alpha, beta)
	a := newRandom(r, l, m, k)
	x, y := newRandom(r, layout(r.IntN(int(layouts))), k, 1), newRandom(r, layout(r.IntN(int(layouts))), m, 1)
	want, bound := reference(y.Matrix, a.Matrix, x.Matrix, alpha, beta)
	MulVec(p, Vector{y.Data, y.RowStride}, a.Matrix, Vector{x.Data, x.RowStride}, alpha, beta)
	ratio, at := worst(y.dense(), want, bound)
	require.LessOrEqual(t, ratio, 1.0, "%s, element %d", name, at)
	require.True(t, a.intact() && x.intact() && y.intact(), name)
}

func TestLevel1(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(19, 20))
		for n := range 150 {
			x, y := newRandom(r, rowMajor, n, 1), newRandom(r, rowMajor, n, 1)
			var sum Matrix = RowMajor(make([]float32, 1), 1, 1)
			want, bound := reference(sum, x.T(), y.Matrix, 1, 0)
			ratio, _ := worst([]float32{Dot(x.Data, y.Data)}, want, bound)
			require.LessOrEqual(t, ratio, 1.0, "Dot of %d", n)

			wantY, wantX := y.dense(), x.dense()
			for i := range wantY {
				wantY[i] += 0.5 * x.Data[i] // exact, as is the fused sum
				wantX[i] *= 0.5
			}
			Axpy(0.5, x.Data, y.Data)
			Scale(0.5, x.Data)
			require.Equal(t, wantY, y.dense(), "Axpy of %d", n)
			require.Equal(t, wantX, x.dense(), "Scale of %d", n)
			require.True(t, x.intact() && y.intact(), n)
		}
	})
}

// The parts of a deep product do not depend on the pool.
func TestMulVecDeep(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	a, x := newRandom(r, colMajor, 500, 3001), newRandom(r, rowMajor, 3001, 1)
	require.Greater(t, deepPartsOf(500, 3001), 1)
	var results [][]float32
	for _, workers := range []int{1, 2, 3} {
		p := pool.New(workers)
		y := make([]float32, 500)
		MulVec(p, Vector{y, 1}, a.Matrix, Vector{x.Data, 1}, 0.7, 0)
		results = append(results, y)
		p.Close()
	}
	assert.Equal(t, results[0], results[1])
	assert.Equal(t, results[0], results[2])
	x.Data[7] = float32(math.NaN())
	y := make([]float32, 500)
	MulVec(nil, Vector{y, 1}, a.Matrix, Vector{x.Data, 1}, 1, 0)
	for _, v := range y {
		require.True(t, v != v, "NaN comes through")
	}
}

func TestRows(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(23, 24))
		for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 20} {
			for _, k := range []int{0, 1, 5, 16, 64, 70} {
				a := newRandom(r, rowGaps, n, k)
				x, dst := newRandom(r, rowMajor, k, 1), newRandom(r, rowMajor, n, 1)
				want, bound := reference(dst.Matrix, a.Matrix, x.Matrix, 1, 0)
				DotRows(dst.Data[:n], x.Data[:k], a.Data, a.RowStride)
				ratio, _ := worst(dst.dense(), want, bound)
				require.LessOrEqual(t, ratio, 1.0, "DotRows of %dx%d", n, k)

				f, y := newRandom(r, rowMajor, n, 1), newRandom(r, rowMajor, k, 1)
				want, bound = reference(y.Matrix, a.T(), f.Matrix, 1, 1)
				AddRows(y.Data[:k], f.Data[:n], a.Data, a.RowStride)
				ratio, _ = worst(y.dense(), want, bound)
				require.LessOrEqual(t, ratio, 1.0, "AddRows of %dx%d", n, k)
				require.True(t, a.intact() && x.intact() && dst.intact() && f.intact() && y.intact(), "%dx%d", n, k)
			}
		}
	})
}

func TestMulVecPanics(t *testing.T) {
	a := RowMajor(make([]float32, 12), 3, 4)
	x, y := Vector{make([]float32, 4), 1}, Vector{make([]float32, 3), 1}
	assert.PanicsWithValue(t, ViewError{"MulVec", 4, 1, 1, 1, 3}, func() { MulVec(nil, y, a, y, 1, 0) })
	assert.PanicsWithValue(t, ViewError{"MulVec", 4, 1, 1, 1, 3}, func() { MulVec(nil, x, a.T(), x, 1, 0); MulVec(nil, y, a.T(), x, 1, 0) })
}
