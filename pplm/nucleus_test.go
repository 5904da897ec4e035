package pplm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestKeepNucleus(t *testing.T) {
	p := []float64{0.125, 0.5, 0, 0.25, 0.125}
	for _, tt := range []struct {
		mass float64
		want []float64
	}{
		{0, p},
		{1, p},
		{0.999, p},
		{0.75, []float64{0, 2. / 3, 0, 1. / 3, 0}},
		{0.76, p}, // both of 0.125, as they are equal
		{0.5, []float64{0, 1, 0, 0, 0}},
		{0.51, []float64{0, 2. / 3, 0, 1. / 3, 0}},
		{1e-9, []float64{0, 1, 0, 0, 0}},
	} {
		for _, total := range []float64{1, 1 + 1e-6, 0.5} {
			got := slices.Clone(p)
			for i := range got {
				got[i] *= total
			}
			now := keepNucleus(got, total, tt.mass)
			for i := range got {
				assert.InDelta(t, tt.want[i]*now, got[i], 1e-12, "mass %v of %v", tt.mass, total)
			}
		}
	}
}

// Whatever the distribution, the fewest tokens are kept that have the share, which a
// sort of all tells too.
func TestKeepNucleusSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		p, total := make([]float64, 1+r.IntN(300)), 0.0
		for i := range p {
			p[i] = math.Exp(6 * r.NormFloat64())
			total += p[i]
		}
		for i := range p {
			p[i] /= total
		}
		mass := r.Float64()
		sorted := slices.Sorted(slices.Values(p))
		slices.Reverse(sorted)
		n, sum := 0, 0.0
		for sum < mass && n < len(p) {
			sum += sorted[n]
			n++
		}
		kept := slices.Clone(p)
		assert.Equal(t, 1.0, keepNucleus(kept, 1, mass))
		count, all := 0, 0.0
		for i, x := range kept {
			if x > 0 {
				count++
				assert.InEpsilon(t, p[i]/sum, x, 1e-9)
			}
			all += x
		}
		assert.Equal(t, n, count)
		assert.InDelta(t, 1, all, 1e-9)
	}
}
