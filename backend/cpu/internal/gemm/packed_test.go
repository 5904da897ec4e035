package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

func TestPacked(t *testing.T) {
	eachKernels(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		packed := new(Packed)
		for _, n := range edges {
			for _, k := range []int{0, 1, 2, 5, 31, 70, 400} {
				b := newRandom(r, layout(r.IntN(int(layouts))), k, n)
				packed.Reset(nil, b.Matrix)
				for _, m := range []int{0, 1, 2, 7, 14, 15, 32, 33, 70} {
					checkPacked(t, r, packed, b, m)
				}
			}
		}
	})
}

func checkPacked(t *testing.T, r *rand.Rand, packed *Packed, b guarded, m int) {
	t.Helper()
	a := newRandom(r, layout(r.IntN(int(layouts))), m, b.Rows)
	c := newRandom(r, layout(r.IntN(int(layouts))), m, b.Cols)
	beta := factors[r.IntN(len(factors))]
	want, bound := reference(c.Matrix, a.Matrix, b.Matrix, 1, beta)
	old := append([]float32(nil), c.Data...)
	packed.Mul(nil, c.Matrix, a.Matrix, beta)
	ratio, _ := worst(c.dense(), want, bound)
	require.LessOrEqual(t, ratio, 1.0, "%dx%dx%d beta %v", m, b.Rows, b.Cols, beta)
	require.True(t, a.intact() && b.intact() && c.intact())

	whole := c.dense()
	copy(c.Data, old)
	middle := r.IntN(packed.Panels() + 1)
	packed.MulRange(c.Matrix, a.Matrix, beta, middle, packed.Panels())
	packed.MulRange(c.Matrix, a.Matrix, beta, 0, middle)
	require.Equal(t, whole, c.dense(), "panels in two ranges")
	require.True(t, c.intact())
}

// TestPackedReset: a new b of no greater size needs no new memory.
func TestPackedReset(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	p := pool.New(2)
	defer p.Close()
	packed := Pack(p, newRandom(r, rowMajor, 100, 200).Matrix)
	before := &packed.buf.data[0]
	b := newRandom(r, colMajor, 90, 201)
	packed.Reset(p, b.Matrix)
	assert.Same(t, before, &packed.buf.data[0])
	assert.Equal(t, [2]int{90, 201}, [2]int{packed.Rows, packed.Cols})
	checkPacked(t, r, packed, b, 17)
}

func TestPackedPanics(t *testing.T) {
	b := Pack(nil, RowMajor(make([]float32, 12), 3, 4))
	a, c := RowMajor(make([]float32, 6), 2, 3), RowMajor(make([]float32, 8), 2, 4)
	assert.PanicsWithValue(t, ShapeError{"Packed.Mul", [2]int{2, 4}, [2]int{3, 2}, [2]int{3, 4}}, func() { b.Mul(nil, c, a.T(), 0) })
	assert.PanicsWithValue(t, RangeError{0, 9, b.Panels()}, func() { b.MulRange(c, a, 0, 0, 9) })
	a.Data = a.Data[:5]
	assert.PanicsWithValue(t, ViewError{"Packed.Mul", 2, 3, 3, 1, 5}, func() { b.Mul(nil, c, a, 0) })
}
