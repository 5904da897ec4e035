package main

import (
	"math"
	"math/rand/v2"
)

// stat is a mean with its standard error, NaN for fewer than two numbers.
type stat struct {
	Mean, Error float64
	N           int
}

// newStat is the mean of x and s/sqrt(n), s^2 being the sum of squared deviations
// over n-1.
func newStat(x []float64) stat {
	n := float64(len(x))
	sum, squares := 0.0, 0.0
	for _, v := range x {
		sum += v
	}
	for _, v := range x {
		squares += (v - sum/n) * (v - sum/n)
	}
	return stat{sum / n, math.Sqrt(squares / (n - 1) / n), len(x)}
}

// The permutation test takes all signs of up to exactPairs differences, else
// permutations random ones, drawn from permutationSeed.
const (
	exactPairs      = 20
	permutations    = 10_000
	permutationSeed = 1
)

// permutationTest is the p-value of a one-sided paired permutation test that the
// differences are above 0: the share of sign assignments whose sum is at least the
// one observed. Differences of 0 have no sign and no say. With random signs the
// observed ones count as one more assignment (Phipson and Smyth 2010), so that p is
// never 0.
func permutationTest(differences []float64) float64 {
	var d []float64
	observed, size := 0.0, 0.0
	for _, x := range differences {
		if x != 0 {
			d = append(d, x)
		}
		observed += x
		size += math.Abs(x)
	}
	least := observed - 1e-12*size // equal sums may differ by rounding
	if len(d) <= exactPairs {
		return float64(atLeast(d, 0, size, least)) / math.Exp2(float64(len(d)))
	}
	r, hits := rand.New(rand.NewPCG(permutationSeed, 0)), 1
	for range permutations {
		sum := 0.0
		for i, bits := 0, uint64(0); i < len(d); i++ {
			if i%64 == 0 {
				bits = r.Uint64()
			}
			sum += math.Copysign(math.Abs(d[i]), float64(bits&1)-0.5)
			bits >>= 1
		}
		if sum >= least {
			hits++
		}
	}
	return float64(hits) / (permutations + 1)
}

// atLeast is how many of the signs of d, of which the sizes add up to rest, lift
// sum to at least least.
func atLeast(d []float64, sum, rest, least float64) int {
	if len(d) == 0 {
		if sum >= least {
			return 1
		}
		return 0
	}
	if sum+rest < least-1e-12*(rest+math.Abs(sum)) {
		return 0
	}
	rest -= math.Abs(d[0])
	return atLeast(d[1:], sum+d[0], rest, least) + atLeast(d[1:], sum-d[0], rest, least)
}
