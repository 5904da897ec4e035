package vec

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend/cpu/internal/asm"
)

// BenchmarkRoutines times each routine on vectors that fit the first-level
// cache, at different places in their pages. Where activations are replaced by
// gradients, the time includes a copy that restores them.
func BenchmarkRoutines(b *testing.B) {
	const n = 1024
	for _, r := range routines {
		slices := make([][]float32, len(r.roles))
		for isa := asm.Generic; isa <= asm.AVX512; isa++ {
			if implementations[isa] == nil {
				continue
			}
			for i := range slices {
				slices[i] = newGuarded(r.length(i, n), 300*i).data
				copy(slices[i], r.data(i, n))
			}
			gates := r.data(0, n)
			b.Run(r.name+"/"+isa.String(), func(b *testing.B) {
				defer func(k *kernels) { active = k }(active)
				active = implementations[isa]
				numbers := make([]float64, 0, 2)
				for b.Loop() {
					if r.roles[0] == 'g' {
						copy(slices[0], gates)
					}
					r.call(slices, numbers)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
			})
		}
	}
}

// BenchmarkExpMasked is the exponential of the values that masks use, whose
// underflow must not slow it down, and of one with a denormal result.
func BenchmarkExpMasked(b *testing.B) {
	x, y := make([]float32, 1024), make([]float32, 1024)
	for _, mask := range []float64{math.Inf(-1), -1e9, -1e4, -95} {
		for i := range x {
			x[i] = float32(mask)
		}
		b.Run(fmt.Sprint(mask), func(b *testing.B) {
			for b.Loop() {
				Exp(y, x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/element")
		})
	}
}
