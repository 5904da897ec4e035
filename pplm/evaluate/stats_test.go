package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStat(t *testing.T) {
	s := newStat([]float64{1, 2, 3, 4})
	assert.Equal(t, 2.5, s.Mean)
	assert.InDelta(t, math.Sqrt(5.0/3/4), s.Error, 1e-15)
	one := newStat([]float64{7})
	assert.Equal(t, 7.0, one.Mean)
	assert.True(t, math.IsNaN(one.Error))
	assert.Zero(t, newStat(nil).N)
}

func TestPermutationTestExact(t *testing.T) {
	tests := []struct {
		name        string
		differences []float64
		want        float64
	}{
		{"none", nil, 1},
		{"no difference", []float64{0, 0}, 1},
		{"all above", []float64{1, 2, 3}, 1.0 / 8},
		{"all below", []float64{-1, -2, -3}, 1},
		{"cancel", []float64{1, -1}, 3.0 / 4},
		{"zeros have no say", []float64{3, 0, -1, 0}, 2.0 / 4},         // 4 and 2 of 4, 2, -2, -4
		{"one below", []float64{1, 1, -1, 1, 1}, 6.0 / 32},             // 5 once, 3 five times
		{"equal but for rounding", []float64{0.1, 0.2, -0.3}, 5.0 / 8}, // 0.6, 0.4, 0.2, 0 twice
		{"small scale", []float64{1e-20, 2e-20, -3e-20}, 5.0 / 8},
		{"twenty", []float64{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1}, 21 / math.Exp2(20)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, permutationTest(tt.differences)) })
	}
}

// With more pairs than the exact test takes, p is near the binomial one.
func TestPermutationTestRandom(t *testing.T) {
	d := make([]float64, 100)
	for i := range d {
		d[i] = 1
	}
	assert.Equal(t, 1.0/(permutations+1), permutationTest(d))
	for i := range 42 {
		d[2*i] = -1
	}
	p := 0.0 // of at least 58 heads of 100
	for k := 58; k <= 100; k++ {
		n, _ := math.Lgamma(101)
		a, _ := math.Lgamma(float64(k + 1))
		b, _ := math.Lgamma(float64(101 - k))
		p += math.Exp(n - a - b - 100*math.Ln2)
	}
	got := permutationTest(d)
	assert.InDelta(t, p, got, 4*math.Sqrt(p*(1-p)/permutations))
	assert.Equal(t, got, permutationTest(d))
	for i := range d {
		d[i] = -d[i]
	}
	assert.Greater(t, permutationTest(d), 0.9)
}
