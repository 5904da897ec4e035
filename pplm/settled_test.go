package pplm_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// Steering away from what a text has not leaves it alone, and steering towards it
// does not.
func TestSettled(t *testing.T) {
	b := openCPU(t, 1)
	lm := tiny(t, b, tensor.Float64)
	how := pplm.Default()
	how.StepSize, how.GMScale, how.TopK, how.Window = 0.5, 1, 0, 0
	generate := func(attributes ...pplm.Attribute) (tokens []pplm.Token) {
		_, err := pplm.Generate(context.Background(), lm, pplm.Request{
			Prompt: []int32{3, 1, 4}, Length: 1, Samples: 1, Attributes: attributes, Settings: how,
		}, func(x *pplm.Token) error {
			c := *x
			c.Distribution = slices.Clone(x.Distribution)
			tokens = append(tokens, c)
			return nil
		})
		require.NoError(t, err)
		return tokens
	}
	plain := how
	how.Iterations = 0
	p := generate()[0].Distribution
	how = plain
	rare := int32(slices.Index(p, slices.Min(p)))
	require.Less(t, p[rare], 1e-3)
	away := generate(pplm.Not(someBag(t, rare)))[0]
	assert.InDeltaSlice(t, p, away.Distribution, 1e-12)
	assert.InDelta(t, away.Plain, away.Steered, 1e-12)
	towards := generate(someBag(t, rare))[0]
	assert.Greater(t, towards.Distribution[rare], 2*p[rare])
}
