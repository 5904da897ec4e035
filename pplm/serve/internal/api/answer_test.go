package api

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A weight does not change what an attribute's probability is, nor does steering away.
func TestProbability(t *testing.T) {
	for _, c := range []struct{ likelihood, weight, want float64 }{
		{math.Log(0.3), 1, 0.3},
		{0.2 * math.Log(0.3), 0.2, 0.3},
		{math.Log(0.7), -1, 0.3},
		{2 * math.Log(0.7), -2, 0.3},
		{0, -1, 0},
		{1e-6, -1, 0},
	} {
		assert.InDelta(t, c.want, probability(c.likelihood, c.weight), 1e-12, "%v", c)
	}
}
