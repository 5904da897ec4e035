package vec

import "math"

// lanes are the running sums of a reduction: element i goes to lane i mod 32.
// The assembly keeps the same ones in registers.
type lanes [32]float64

// fold adds the upper half of the lanes to the lower until one is left.
func (l *lanes) fold() float64 {
	for w := len(l) / 2; w > 0; w /= 2 {
		for i := range w {
			l[i] += l[i+w]
		}
	}
	return l[0]
}

func sumGeneric(x []float32) float64 {
	var l lanes
	for i, v := range x {
		l[i%len(l)] += float64(v)
	}
	return l.fold()
}

func sumSquaresGeneric(x []float32) float64 { return dotGeneric(x, x) }

// The product of two float32 is exact in float64, so it is the same with a
// fused multiply-add as without.
func dotGeneric(x, y []float32) float64 {
	var l lanes
	for i, v := range x {
		l[i%len(l)] += float64(v) * float64(y[i])
	}
	return l.fold()
}

func sumDeviationsGeneric(x []float32, mean float64) float64 {
	var l lanes
	for i, v := range x {
		d := float64(v) - mean
		l[i%len(l)] += float64(d * d) // the conversion forbids fusing
	}
	return l.fold()
}

func maxGeneric(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m || v != v {
			m = v
		}
		if m != m {
			return m
		}
	}
	return m
}

func expSumGeneric(dst, x []float32, shift float32) float64 {
	var l lanes
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v - shift)))
		l[i%len(l)] += float64(dst[i])
	}
	return l.fold()
}
