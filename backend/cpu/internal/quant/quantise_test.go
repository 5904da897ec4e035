package quant

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/tensor"
)

func quantised(x ...float32) Matrix {
	w := Matrix{Format: tensor.Int8, Rows: 1, Cols: len(x), Stride: (len(x) + 31) / 32 * 36}
	w.Data = make([]byte, w.Stride)
	Quantise(w.Data, x)
	return w
}

func widened(w Matrix) []float32 {
	out := make([]float32, w.Cols)
	w.Widen(out, 0)
	return out
}

func TestQuantise(t *testing.T) {
	tests := []struct {
		name    string
		x, want []float32
	}{
		{"zeros", make([]float32, 5), make([]float32, 5)},
		{"whole numbers", []float32{127, -127, 1, -2, 64}, []float32{127, -127, 1, -2, 64}},
		{"ties to even", []float32{254, 1, 3, 5, -1, -3}, []float32{254, 0, 4, 4, 0, -4}},
		{"nearest", []float32{-127, 0.49, 0.51, 63.7}, []float32{-127, 0, 1, 64}},
		{"the scale underflows", []float32{1e-45, -1e-45}, []float32{0, 0}},
	}
	for _, tt := range tests {
		got := widened(quantised(tt.x...))
		for i, want := range tt.want {
			assert.InEpsilon(t, 1+float64(want), 1+float64(got[i]), 1e-6, "%s %d", tt.name, i)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x := make([]float32, 40)
		x[3], x[35] = float32(bad), 127
		for i, v := range widened(quantised(x...)) {
			assert.Equal(t, i < 32, v != v, "a block with %v, element %d", bad, i)
		}
	}
}

// No element is off by more than half a step, a 254th of the largest of its
// block, and what is past the row's end is zero.
func TestQuantiseError(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	x := make([]float32, 32*500+7)
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(10*r.NormFloat64()))
	}
	w := quantised(x...)
	got := widened(w)
	for lo := 0; lo < len(x); lo += 32 {
		most, hi := 0.0, min(lo+32, len(x))
		for _, v := range x[lo:hi] {
			most = max(most, math.Abs(float64(v)))
		}
		for i := lo; i < hi; i++ {
			assert.LessOrEqual(t, math.Abs(float64(x[i]-got[i])), most/254*(1+1e-5), "element %d", i)
		}
	}
	assert.Equal(t, make([]byte, 25), w.Data[len(w.Data)-25:])
}
