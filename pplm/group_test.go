package pplm_test

import (
	"context"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/shalm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// tinySHARNN has the vocabulary of [tiny], and a memory that texts outgrow.
func tinySHARNN(t testing.TB, b backend.Backend) pplm.LM {
	m, err := sharnn.New(b, tensor.Float64, sharnn.Config{
		Symbols: 61, Width: 16, Hidden: 32, Layers: 3, Attention: []int{0, 2}, Heads: 1, Memory: 9,
	}, 3)
	require.NoError(t, err)
	for _, p := range m.Params() {
		b.Unary(backend.Unary{Kind: backend.Affine, A: 3}, p.Value, p.Value)
	}
	l, err := shalm.New(m, "sha")
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return l
}

// ways are ways to steer the texts of a group.
var ways = map[string]func(*pplm.Request){
	"bag":               func(r *pplm.Request) { r.Attributes = r.Attributes[:1] },
	"both":              func(*pplm.Request) {},
	"unsteered":         func(r *pplm.Request) { r.Settings.Iterations = 0 },
	"without attribute": func(r *pplm.Request) { r.Attributes = nil },
	"all rows":          func(r *pplm.Request) { r.Settings.Window = 0 },
	"decay, newest":     func(r *pplm.Request) { r.Settings.Decay, r.Settings.Newest = true, true },
	"a few tokens":      func(r *pplm.Request) { r.Settings.GradLength = 3 },
	"largest norm":      func(r *pplm.Request) { r.Settings.Norm = pplm.RunningNorm },
}

// drawRequest is a text of a group of requests like r.
func drawRequest(t *rapid.T, r pplm.Request) pplm.Request {
	r.Prompt = rapid.SliceOfN(rapid.Int32Range(0, 60), 1, 60).Draw(t, "prompt")
	r.Length = rapid.IntRange(1, 12).Draw(t, "length")
	r.Slide = true // a prompt may have more tokens than a GPT-2 has positions
	r.Samples = rapid.IntRange(1, 2).Draw(t, "samples")
	r.Seed = rapid.Uint64Range(0, 9).Draw(t, "seed")
	r.Settings.Temperature = rapid.SampledFrom([]float64{1, 0.7}).Draw(t, "temperature")
	r.Settings.TopK = rapid.SampledFrom([]int{0, 5}).Draw(t, "top_k")
	r.Settings.TopP = rapid.SampledFrom([]float64{0, 0.8}).Draw(t, "top_p")
	r.Settings.Repetition = rapid.SampledFrom([]float64{1, 1.2}).Draw(t, "repetition")
	return r
}

// A text among others that come and go is the text that it is alone.
func TestTogether(t *testing.T) {
	b := openCPU(t, 1)
	models := map[string]pplm.LM{"GPT-2": tiny(t, b, tensor.Float64), "SHA-RNN": tinySHARNN(t, b), "RNN": newRNN(t, b)}
	rapid.Check(t, func(rt *rapid.T) {
		base := request(t, 1, 1, false)
		base.Settings.StepSize = 0.005 // larger moves make much of a rounding in a dozen tokens
		ways[rapid.SampledFrom(slices.Sorted(maps.Keys(ways))).Draw(rt, "way")](&base)
		checkTogether(t, rt, models[rapid.SampledFrom(slices.Sorted(maps.Keys(models))).Draw(rt, "model")], base)
	})
}

// visit is a text's time in a group: it comes in a round and, if it is to go early,
// goes after so many.
type visit struct {
	request pplm.Request
	from    int
	stay    int
	text    *pplm.Text
	got     [][]pplm.Token
}

func checkTogether(t *testing.T, rt *rapid.T, m pplm.LM, base pplm.Request) {
	live := m.Info().Backend.(interface{ LiveBytes() int64 })
	before := live.LiveBytes()
	var visits []*visit
	for range rapid.IntRange(2, 4).Draw(rt, "texts") {
		visits = append(visits, &visit{
			request: drawRequest(rt, base),
			from:    rapid.IntRange(0, 6).Draw(rt, "from"),
			stay:    rapid.SampledFrom([]int{99, 99, 4}).Draw(rt, "stay"),
		})
	}
	g, err := pplm.NewGroup(m, base.Attributes, base.Settings)
	require.NoError(rt, err)
	for round := 0; round <= 6 || g.Len() > 0; round++ {
		for _, v := range visits {
			v.comeOrGo(rt, g, round)
		}
		require.NoError(rt, g.Next(t.Context()))
		for _, v := range visits {
			v.listen()
		}
	}
	for _, v := range visits {
		v.compare(t, rt, m, base.Attributes)
	}
	g.Free()
	require.Equal(rt, before, live.LiveBytes())
}

func (v *visit) comeOrGo(t *rapid.T, g *pplm.Group, round int) {
	switch {
	case v.text != nil && (v.text.Done() || round == v.from+v.stay):
		require.NoError(t, v.text.Err())
		g.Remove(v.text)
		v.text = nil
	case round == v.from:
		r := v.request
		r.Attributes = nil
		var err error
		v.text, err = g.Add(r)
		require.NoError(t, err)
	}
}

// listen takes the tokens of a round.
func (v *visit) listen() {
	if v.text == nil {
		return
	}
	for _, token := range v.text.Tokens() {
		if v.got == nil {
			v.got = make([][]pplm.Token, v.request.Samples)
		}
		token.Distribution = slices.Clone(token.Distribution)
		v.got[token.Sample] = append(v.got[token.Sample], token)
	}
}

// compare holds what the text was among others against what it is alone.
func (v *visit) compare(t *testing.T, rt *rapid.T, m pplm.LM, attributes []pplm.Attribute) {
	want, n := tokensOf(t, m, v.request), min(v.request.Length, v.stay)
	require.Len(rt, v.got, len(want))
	for i, tokens := range v.got {
		require.Equal(rt, ids(want[i][:n]), ids(tokens))
		for k, token := range tokens {
			w := want[i][k]
			require.InDeltaSlice(rt, w.Distribution, token.Distribution, 1e-9)
			require.InDeltaSlice(rt, w.Likelihood, token.Likelihood, 1e-9)
			require.InDeltaSlice(rt, w.Losses, token.Losses, 1e-8)
			require.InDeltaSlice(rt, []float64{w.P, w.Steered, w.Plain, w.KL}, []float64{token.P, token.Steered, token.Plain, token.KL}, 1e-9)
			require.Len(rt, token.Norms, len(w.Norms))
		}
	}
}

// troubled is an attribute whose loss is no number for texts that begin with a token.
type troubled struct {
	likes
	first    int32
	steering bool // only there
}

func (x troubled) Loss(c *pplm.Context) *autograd.Var {
	factors := make([]float64, len(c.Tokens))
	for i, text := range c.Tokens {
		if factors[i] = 1; text[0] == x.first && len(text) > 3 && (c.Plain != nil || !x.steering) {
			factors[i] = math.NaN()
		}
	}
	return autograd.Mul(x.likes.Loss(c), c.Constant(factors, len(factors)))
}

// What is wrong with one text ends it alone.
func TestTroubleIsOfOneText(t *testing.T) {
	b := openCPU(t, 1)
	for name, m := range map[string]pplm.LM{"GPT-2": tiny(t, b, tensor.Float64), "SHA-RNN": tinySHARNN(t, b)} {
		for message, steering := range map[string]bool{
			"generating token 2: the unsteered loss of the attribute pplm_test.troubled is NaN in sample 0":              false,
			"generating token 2: steering, iteration 1: the loss of the attribute pplm_test.troubled is NaN in sample 0": true,
		} {
			t.Run(name+", "+message, func(t *testing.T) {
				a := troubled{likes{id: 3}, 13, steering}
				r := request(t, 2, 8, true)
				r.Attributes = []pplm.Attribute{a}
				want := tokensOf(t, m, r)

				g, err := pplm.NewGroup(m, r.Attributes, r.Settings)
				require.NoError(t, err)
				defer g.Free()
				r.Attributes = nil
				bad := r
				bad.Prompt = []int32{13, 2}
				var texts []*pplm.Text
				for _, r := range []pplm.Request{r, bad, r} {
					text, err := g.Add(r)
					require.NoError(t, err)
					texts = append(texts, text)
				}
				var got [2][][]pplm.Token
				for range 8 {
					require.NoError(t, g.Next(t.Context()))
					for i, text := range []*pplm.Text{texts[0], texts[2]} {
						got[i] = append(got[i], slices.Clone(text.Tokens()))
					}
				}
				assert.EqualError(t, texts[1].Err(), message)
				assert.Empty(t, texts[1].Tokens())
				for _, text := range got {
					for k, tokens := range text {
						require.Len(t, tokens, 2)
						for i, token := range tokens {
							assert.Equal(t, want[i][k].ID, token.ID)
							assert.InDelta(t, want[i][k].Steered, token.Steered, 1e-9)
						}
					}
				}
			})
		}
	}
}

// A long prompt is read a piece a round, while others go on.
func TestPromptsAreReadInPieces(t *testing.T) {
	b := openCPU(t, 1)
	m := tinySHARNN(t, b)
	r := request(t, 1, 5, true)
	g, err := pplm.NewGroup(m, r.Attributes, r.Settings)
	require.NoError(t, err)
	defer g.Free()
	r.Attributes = nil
	long := r
	long.Prompt = slices.Repeat(r.Prompt, 150) // three pieces
	slow, err := g.Add(long)
	require.NoError(t, err)
	quick, err := g.Add(r)
	require.NoError(t, err)
	var rounds [][2]int
	for range 4 {
		require.NoError(t, g.Next(t.Context()))
		rounds = append(rounds, [2]int{len(slow.Tokens()), len(quick.Tokens())})
	}
	assert.Equal(t, [][2]int{{0, 1}, {0, 1}, {1, 1}, {1, 1}}, rounds)
}

func TestGroupErrors(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 5, true)
	attributes := r.Attributes
	bad := r.Settings
	bad.Temperature = 0
	_, err := pplm.NewGroup(m, attributes, bad)
	assert.EqualError(t, err, "the temperature is 0: want more than 0")
	_, err = pplm.NewGroup(m, []pplm.Attribute{nil}, r.Settings)
	assert.EqualError(t, err, "an attribute is nil")

	g, err := pplm.NewGroup(m, attributes, r.Settings)
	require.NoError(t, err)
	_, err = g.Add(r)
	assert.EqualError(t, err, "a text of a group has the group's attributes, none of its own")
	r.Attributes = nil
	for want, change := range map[string]func(*pplm.Request){
		"a text of a group is steered as the group is": func(r *pplm.Request) { r.Settings.StepSize *= 2 },
		"an empty prompt: give one token at least":     func(r *pplm.Request) { r.Prompt = nil },
		"top_p is 2: want 0 to 1":                      func(r *pplm.Request) { r.Settings.TopP = 2 },
	} {
		wrong := r
		change(&wrong)
		_, err := g.Add(wrong)
		assert.EqualError(t, err, want)
	}
	text, err := g.Add(r)
	require.NoError(t, err)
	assert.Equal(t, 1, g.Len())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.Next(ctx), context.Canceled)
	require.ErrorIs(t, g.Next(t.Context()), context.Canceled, "a group that failed stays so")
	g.Remove(text)
	assert.Panics(t, func() { g.Remove(text) })
	g.Free()
	assert.Panics(t, func() { _ = g.Next(t.Context()) })
}
