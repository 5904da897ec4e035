package pplm_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// started is a generator that has chosen some tokens.
func started(t *testing.T, m pplm.LM, r pplm.Request, tokens int) *pplm.Generator {
	g, err := pplm.NewGenerator(t.Context(), m, r)
	require.NoError(t, err)
	t.Cleanup(g.Free)
	for range tokens {
		_, err := g.Next(t.Context())
		require.NoError(t, err)
	}
	return g
}

// Scores stay the same, and no token comes after them.
func TestSamplesTwice(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	g := started(t, m, request(t, 2, 5, false), 3)
	once, err := g.Samples(t.Context())
	require.NoError(t, err)
	want := slices.Clone(once)
	again, err := g.Samples(t.Context())
	require.NoError(t, err)
	assert.Equal(t, want, again)
	_, err = g.Next(t.Context())
	assert.EqualError(t, err, "generating token 3: the samples have been scored: there is no next token")
}

// A generator that failed does not go on from a state that has read half a token.
func TestAfterError(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	g := started(t, m, request(t, 2, 5, false), 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)
	_, again := g.Next(t.Context())
	assert.Equal(t, err, again)
	_, again = g.Samples(t.Context())
	assert.Equal(t, err, again)
}

func TestAfterFree(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	g := started(t, m, request(t, 1, 5, false), 1)
	g.Free()
	g.Free()
	assert.PanicsWithError(t, "pplm.Generator.Next: the generator has been freed", func() { _, _ = g.Next(t.Context()) })
	assert.PanicsWithError(t, "pplm.Generator.Samples: the generator has been freed", func() { _, _ = g.Samples(t.Context()) })
}

// whole is an attribute that judges a text without looking ahead.
type whole struct{ likes }

func (whole) OfText() bool { return true }

// The last token needs a position of its own where an attribute judges the text.
func TestPositionsOfJudging(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 36, true)
	r.Attributes = []pplm.Attribute{whole{likes{id: 3}}}
	_, err := generate(t, m, r)
	require.NoError(t, err)

	r.Length = 37
	_, err = generate(t, m, r)
	require.ErrorContains(t, err, "ask for at most 36 tokens")
	r.Slide = true
	_, err = generate(t, m, r)
	require.NoError(t, err)
}

// failing is a model whose Step panics from the n-th on, as on a device's fault.
type failing struct {
	pplm.LM
	left *int
}

var errDevice = errors.New("the device is gone")

func (f failing) Step(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (logits, hidden *autograd.Var, next []pplm.State) {
	if *f.left--; *f.left < 0 {
		panic(errDevice)
	}
	return f.LM.Step(t, in, states...)
}

// A fault of the device reaches the caller as it is, and Free frees nothing twice.
func TestFaultOfDevice(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 60, false)
	r.Slide, r.Settings.Iterations, r.Attributes = true, 0, r.Attributes[:1]
	for _, steps := range []int{1, 3, 38} { // reading the first token, a later one, and where the window slides
		left := steps
		assert.PanicsWithValue(t, errDevice, func() { _, _ = generate(t, failing{m, &left}, r) }, "%d steps", steps)
	}
}
