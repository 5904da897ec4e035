package gemm

import (
	"fmt"
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

func TestMulVecPanics(t *testing.T) {
	a := RowMajor(make([]float32, 12), 3, 4)
	x, y := Vector{make([]float32, 4), 1}, Vector{make([]float32, 3), 1}
	assert.PanicsWithValue(t, ViewError{"MulVec", 4, 1, 1, 1, 3}, func() { MulVec(nil, y, a, y, 1, 0) })
	assert.PanicsWithValue(t, ViewError{"MulVec", 4, 1, 1, 1, 3}, func() { MulVec(nil, x, a.T(), x, 1, 0); MulVec(nil, y, a.T(), x, 1, 0) })
}
