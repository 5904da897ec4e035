package vec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func normals(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// exactSum adds up terms without rounding.
func exactSum(n int, term func(i int) float64) float64 {
	sum := new(big.Float).SetPrec(400)
	for i := range n {
		sum.Add(sum, big.NewFloat(term(i)))
	}
	f, _ := sum.Float64()
	return f
}

func TestReductionsAgainstExact(t *testing.T) {
	const n = 100_003
	x, y := normals(n, 1), normals(n, 2)
	for i := range x {
		x[i] += 1000 // a mean far from 0 is hard on the variance
	}
	at := func(f func(a, b float64) float64) func(i int) float64 {
		return func(i int) float64 { return f(float64(x[i]), float64(y[i])) }
	}
	sum := exactSum(n, at(func(a, _ float64) float64 { return a }))
	squares := exactSum(n, at(func(a, _ float64) float64 { return a * a }))
	dot := exactSum(n, at(func(a, b float64) float64 { return a * b }))
	deviations := exactSum(n, at(func(a, _ float64) float64 { return (a - sum/n) * (a - sum/n) }))
	eachImplementation(t, func(t *testing.T) {
		assert.InEpsilon(t, sum, SumFloat64(x), 1e-13)
		assert.Equal(t, float32(sum), Sum(x))
		assert.InEpsilon(t, squares, SumSquares(x), 1e-13)
		assert.Equal(t, float32(dot), Dot(x, y))
		mean, variance := Moments(x)
		assert.Equal(t, float32(sum/n), mean)
		assert.Equal(t, float32(deviations/n), variance)
	})
}

func TestExpSum(t *testing.T) {
	x := normals(50257, 3)
	shift := Max(x)
	want := exactSum(len(x), func(i int) float64 { return math.Exp(float64(x[i] - shift)) })
	eachImplementation(t, func(t *testing.T) {
		got, exp := make([]float32, len(x)), make([]float32, len(x))
		sum := ExpSum(got, x, shift)
		Affine(exp, x, 1, -shift)
		Exp(exp, exp)
		assert.Equal(t, exp, got)
		assert.InEpsilon(t, want, sum, 2e-7)
	})
}

func TestMax(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	eachImplementation(t, func(t *testing.T) {
		assert.Equal(t, -inf, Max(nil))
		for n := 1; n <= longest; n++ {
			for at := range n {
				x := make([]float32, n)
				for i := range x {
					x[i] = -float32(1 + (i*7)%n)
				}
				for _, v := range []float32{-0.5, 3, inf} {
					x[at] = v
					require.Equal(t, v, Max(x), "%g at %d of %d", v, at, n)
				}
				x[at] = nan
				require.True(t, math.IsNaN(float64(Max(x))), "NaN at %d of %d", at, n)
				x[n-1] = inf
				require.Equal(t, at < n-1, math.IsNaN(float64(Max(x))), "NaN at %d of %d, then Inf", at, n)
			}
		}
		zeros := []float32{float32(math.Copysign(0, -1)), 0}
		assert.False(t, math.Signbit(float64(Max(zeros[:1]))))
		assert.False(t, math.Signbit(float64(Max(zeros))))
	})
}

func TestMax2(t *testing.T) {
	nan := float32(math.NaN())
	minusZero := float32(math.Copysign(0, -1))
	x := []float32{1, 2, nan, 1, nan, 0, minusZero}
	y := []float32{2, 1, 1, nan, nan, minusZero, 0}
	want := []float32{2, 2, nan, nan, nan, minusZero, 0}
	eachImplementation(t, func(t *testing.T) {
		for shift := range 20 { // so that every element meets the vector and the tail
			px, py := append(make([]float32, shift), x...), append(make([]float32, shift), y...)
			dst := make([]float32, len(px))
			Max2(dst, px, py)
			assert.Equal(t, bits(want), bits(dst[shift:]))
		}
	})
}

// TestInfinitiesInSums checks that a reduction keeps infinities and NaNs.
func TestInfinitiesInSums(t *testing.T) {
	inf := float32(math.Inf(1))
	eachImplementation(t, func(t *testing.T) {
		for n := 2; n <= longest; n++ {
			x := make([]float32, n)
			x[n/2] = inf
			require.Equal(t, inf, Sum(x))
			require.Equal(t, math.Inf(1), SumSquares(x))
			x[0] = -inf
			require.True(t, math.IsNaN(SumFloat64(x)))
			y := make([]float32, n)
			require.True(t, math.IsNaN(float64(Dot(x, y))), "0*Inf")
		}
	})
}
