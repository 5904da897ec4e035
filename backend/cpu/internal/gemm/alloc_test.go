//go:build !race

package gemm

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// TestMulAllocates is not for the race detector, under which a sync.Pool drops
// some of what it is given.
func TestMulAllocates(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	p := pool.New(2)
	defer p.Close()
	for _, s := range [][3]int{{300, 300, 300}, {16, 3000, 300}, {1, 3000, 300}} {
		for _, lb := range []layout{rowMajor, colMajor} {
			a, b, c := newRandom(r, rowMajor, s[0], s[2]), newRandom(r, lb, s[2], s[1]), newGuarded(rowMajor, s[0], s[1])
			packed := Pack(p, b.Matrix)
			count := testing.AllocsPerRun(20, func() {
				Mul(p, c.Matrix, a.Matrix, b.Matrix, 1, 0)
				packed.Reset(p, b.Matrix)
				packed.Mul(p, c.Matrix, a.Matrix, 0)
			})
			assert.LessOrEqual(t, count, 1.0, "%v", s) // a garbage collection empties the free lists
		}
	}
}
