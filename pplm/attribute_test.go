package pplm_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/tensor"
)

// likes is an attribute of a user's own.
type likes struct {
	id    int
	shape []int // of the loss; nil: as it should be
}

func (l likes) Loss(c *pplm.Context) *autograd.Var {
	b := c.Probs.Shape()[0]
	p := autograd.Slice(c.Probs, 1, l.id, l.id+1)
	if l.shape == nil {
		l.shape = []int{b}
	}
	return autograd.Scale(autograd.Log(autograd.Reshape(p, l.shape...)), -1)
}

func TestWeightAndNot(t *testing.T) {
	b := openCPU(t, 1)
	p := []float64{0.1, 0.2, 0.05, 0.25, 0.4}
	for _, tt := range []struct {
		name      string
		attribute pplm.Attribute
		want      float64
	}{
		{"weight", pplm.Weight(2.5, someBag(t, 3)), -2.5 * math.Log(0.25)},
		{"not", pplm.Not(someBag(t, 3)), -math.Log(0.75)},
		{"not own", pplm.Not(likes{id: 1}), -math.Log(0.8)},
		{"twice not", pplm.Not(pplm.Not(someBag(t, 3))), -math.Log(0.25)},
		{"weighted not", pplm.Weight(0.5, pplm.Not(someBag(t, 4))), -0.5 * math.Log(0.6)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.InDelta(t, tt.want, lossOf(t, b, tt.attribute, p, nil)[0], 1e-5)
		})
	}
	// At p = 1 loss and gradient are finite.
	certain := lossOf(t, b, pplm.Not(someBag(t, 0)), []float64{1, 0}, nil)
	assert.InDelta(t, -math.Log(1e-6), certain[0], 1e-3)
}

// generate runs a request with a tiny model.
func generate(t *testing.T, m pplm.LM, r pplm.Request) ([]pplm.Sample, error) {
	t.Helper()
	return pplm.Generate(t.Context(), m, r, nil)
}

func TestAttributeErrors(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	h, err := head.New([]string{"good", "bad"}, 16, 1)
	require.NoError(t, err)
	narrow, err := head.New([]string{"good", "bad"}, 8, 1)
	require.NoError(t, err)
	for _, tt := range []struct {
		attribute pplm.Attribute
		want      string
	}{
		{nil, "an attribute is nil"},
		{someBag(t, 70), `bag of words some: "\u0087" has the token 70: gpt2 has 61`},
		{pplm.Weight(math.NaN(), someBag(t, 1)), "an attribute's weight is NaN"},
		{pplm.Not(pplm.Weight(2, someBag(t, 1))), "an attribute with a weight cannot be negated: give the weight to the negation"},
		{pplm.Not(someBag(t, 1, 1)), "bag of words some: a word stands in it twice, so that its probability can exceed 1: it cannot be negated"},
		{&pplm.Discriminator{Head: h, Class: 2, Horizon: 1}, "discriminator: no class 2: there are 0 (good), 1 (bad)"},
		{&pplm.Discriminator{Head: h, Class: -1, Horizon: 1}, "discriminator: no class -1: there are 0 (good), 1 (bad)"},
		{&pplm.Discriminator{Head: h, Class: 1}, "discriminator: a look-ahead of 0 steps: want 1 or more"},
		{pplm.Not(&pplm.Discriminator{Head: narrow, Class: 1, Horizon: 1}),
			`discriminator: the head reads hidden states of width 8, of the language model ""; those of "gpt2" have width 16`},
	} {
		_, err := generate(t, m, pplm.Request{
			Prompt: []int32{1}, Length: 1, Samples: 1, Settings: pplm.Default(), Attributes: []pplm.Attribute{tt.attribute},
		})
		assert.EqualError(t, err, "generating: "+tt.want)
	}
}

func TestAttributeOfWrongShape(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	var caught *tensor.Error
	func() {
		defer func() { caught, _ = recover().(*tensor.Error) }()
		g, err := pplm.NewGenerator(t.Context(), m, pplm.Request{
			Prompt: []int32{1}, Length: 1, Samples: 1, Settings: pplm.Default(),
			Attributes: []pplm.Attribute{likes{1, []int{1, 1}}},
		})
		require.NoError(t, err)
		defer g.Free()
		_, _ = g.Next(t.Context())
	}()
	require.NotNil(t, caught)
	assert.EqualError(t, caught, "pplm_test.likes.Loss [1 1]: want one number for each of 1 samples")
}
