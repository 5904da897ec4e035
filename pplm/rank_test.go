package pplm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
)

func TestDist(t *testing.T) {
	for _, tt := range []struct {
		name  string
		n     int
		texts [][]int32
		want  float64
	}{
		{"all different", 1, [][]int32{{1, 2, 3, 4}}, 1},
		{"one repeated", 1, [][]int32{{1, 2, 1, 4}}, 0.75},
		{"pairs", 2, [][]int32{{1, 2, 1, 2, 1}}, 0.5},
		{"triples", 3, [][]int32{{1, 1, 1, 1, 1}}, 1. / 3},
		{"two texts", 2, [][]int32{{1, 2}, {1, 2}}, 0.5},
		{"no pair across texts", 2, [][]int32{{1, 2}, {3}}, 1},
		{"digits do not run together", 2, [][]int32{{1, 12, 11, 2}}, 1},
		{"too short", 3, [][]int32{{1, 2}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) { assert.InDelta(t, tt.want, pplm.Dist(tt.n, tt.texts...), 1e-15) })
	}
	assert.InDelta(t, (1./4+1./3+1./2)/3, pplm.Distinct([]int32{7, 7, 7, 7}), 1e-15)
}

func TestMethods(t *testing.T) {
	samples := []pplm.Sample{
		{Tokens: []int32{1, 2, 3, 4}, Score: -3},
		{Tokens: []int32{5, 5, 5, 5}, Score: -1},
		{Tokens: []int32{1, 2, 3, 3}, Score: -2},
	}
	for _, tt := range []struct {
		method   string
		steered  bool
		distinct float64
		want     int
	}{
		{"B", false, 0, 0}, {"BC", true, 0, 0},
		{"BR", false, 0, 1}, {"BCR", true, 0, 1},
		{"BCR", true, 0.9, 2}, // the mean of 3/4, 1 and 1
		{"BCR", true, 0.95, 0},
		{"BCR", true, pplm.Distinct(samples[2].Tokens), 2}, // at least that
		{"BCR", true, 1.5, 0},                              // none passes: the most distinct
	} {
		m, err := pplm.FindMethod(tt.method)
		require.NoError(t, err)
		assert.Equal(t, tt.steered, m.Steered)
		assert.Equal(t, tt.want, m.Pick(samples, tt.distinct), "%s, %v", tt.method, tt.distinct)
	}
	_, err := pplm.FindMethod("CB")
	assert.EqualError(t, err, `no method named "CB": there are B, BR, BC, BCR`)
}
