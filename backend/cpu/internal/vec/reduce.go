package vec

// Sum is the sum of x, added up in float64.
func Sum(x []float32) float32 { return float32(active.sum(x)) }

// SumFloat64 is the sum of x, in float64.
func SumFloat64(x []float32) float64 { return active.sum(x) }

// SumSquares is the sum of x[i]*x[i], in float64.
func SumSquares(x []float32) float64 { return active.sumSquares(x) }

// Dot is the sum of x[i]*y[i], added up in float64.
func Dot(x, y []float32) float32 {
	check("Dot", len(x), len(y))
	return float32(active.dot(x, y))
}

// Max is the largest element of x: NaN if any is NaN, -Inf if there is none. A
// maximum of zero is +0.
func Max(x []float32) float32 { return active.max(x) + 0 }

// ExpSum sets dst[i] = exp(x[i]-shift) and returns the sum of dst, added up in
// float64: a row of a softmax, with the row's maximum as shift.
func ExpSum(dst, x []float32, shift float32) float32 {
	check("ExpSum", len(dst), len(x))
	return float32(active.expSum(dst, x, shift))
}

// Moments is the mean of x and its biased variance, the mean of the squared
// deviations, in two passes. Both are NaN for an empty x.
func Moments(x []float32) (mean, variance float32) {
	n := float64(len(x))
	m := active.sum(x) / n
	return float32(m), float32(active.sumDeviations(x, m) / n)
}
