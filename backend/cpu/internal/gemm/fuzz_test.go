package gemm

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// FuzzMul compares with gonum, whose sums are in another order.
func FuzzMul(f *testing.F) {
	f.Add(uint8(3), uint8(4), uint8(5), uint8(0), uint8(0), uint64(1), float32(1), float32(0))
	f.Add(uint8(33), uint8(70), uint8(65), uint8(1), uint8(1), uint64(2), float32(-0.5), float32(2))
	f.Add(uint8(1), uint8(200), uint8(130), uint8(0), uint8(1), uint64(3), float32(1), float32(1))
	p := pool.New(2)
	f.Cleanup(p.Close)
	f.Fuzz(func(t *testing.T, m8, n8, k8, la, lb uint8, seed uint64, alpha, beta float32) {
		if math.Abs(float64(alpha)) > 1e3 || math.Abs(float64(beta)) > 1e3 || alpha != alpha || beta != beta {
			t.Skip("the tolerance is for numbers of ordinary size")
		}
		m, n, k := int(m8), int(n8), int(k8)
		r := rand.New(rand.NewPCG(seed, 0))
		a, b := newRandom(r, layout(la%uint8(layouts)), m, k), newRandom(r, layout(lb%uint8(layouts)), k, n)
		c := newRandom(r, rowMajor, m, n)
		want := c.dense()
		// With k == 0 gonum still wants the leading dimension's worth of elements.
		da, db := append(a.dense(), make([]float32, m)...), append(b.dense(), make([]float32, n)...)
		gonum.Implementation{}.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, alpha, da, max(1, k), db, max(1, n), beta, want, max(1, n))
		Mul(p, c.Matrix, a.Matrix, b.Matrix, alpha, beta)
		tolerance := 1e-5 * (math.Abs(float64(alpha))*math.Sqrt(float64(k)) + math.Abs(float64(beta)) + 1e-6) * 4
		for i, v := range c.dense() {
			if !(math.Abs(float64(v-want[i])) <= tolerance) {
				t.Fatalf("%dx%dx%d: element %d: got %v, want %v", m, k, n, i, v, want[i])
			}
		}
		if !a.intact() || !b.intact() || !c.intact() {
			t.Fatal("wrote outside")
		}
	})
}
