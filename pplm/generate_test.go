package pplm_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/tensor"
)

// steering are settings that move a tiny model far, and draw.
func steering() pplm.Settings {
	s := pplm.Default()
	s.StepSize, s.Sample, s.TopK, s.Window = 0.3, true, 0, 3
	return s
}

// request draws from a tiny model, steered by a bag and, unless bags says so, a
// discriminator.
func request(t testing.TB, samples, length int, bags bool) pplm.Request {
	r := pplm.Request{
		Prompt: []int32{5, 9, 2, 44}, Length: length, Samples: samples, Seed: 7,
		Attributes: []pplm.Attribute{someBag(t, 3, 17, 29, 31)}, Settings: steering(),
	}
	if !bags {
		h, err := head.New([]string{"x", "y", "z"}, 16, 5)
		require.NoError(t, err)
		r.Attributes = append(r.Attributes, pplm.Weight(2, &pplm.Discriminator{Head: h, Class: 1, Horizon: 2}))
	}
	return r
}

// tokensOf are the tokens of all samples, their distributions kept.
func tokensOf(t *testing.T, m pplm.LM, r pplm.Request) [][]pplm.Token {
	out := make([][]pplm.Token, r.Samples)
	_, err := pplm.Generate(t.Context(), m, r, func(token *pplm.Token) error {
		kept := *token
		kept.Distribution = slices.Clone(token.Distribution)
		out[token.Sample] = append(out[token.Sample], kept)
		return nil
	})
	require.NoError(t, err)
	return out
}

// A sample in a batch is what it is alone, steered or not.
func TestSamplesAreIndependent(t *testing.T) {
	for name, change := range map[string]func(*pplm.Request){
		"bag":           func(r *pplm.Request) { r.Attributes = r.Attributes[:1] },
		"discriminator": func(r *pplm.Request) { r.Attributes = r.Attributes[1:] },
		"both":          func(*pplm.Request) {},
		"words of several tokens": func(r *pplm.Request) {
			bag, err := pplm.NewBag("long", []string{"abc", "bcd", "e", "f"}, letters)
			require.NoError(t, err)
			r.Attributes = []pplm.Attribute{bag}
		},
		"decay, newest, penalty": func(r *pplm.Request) {
			r.Settings.Decay, r.Settings.Newest, r.Settings.Repetition = true, true, 1.3
		},
		"unsteered": func(r *pplm.Request) { r.Settings.Iterations = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			m := tiny(t, openCPU(t, 1), tensor.Float64)
			r := request(t, 4, 8, false)
			change(&r)
			batch := tokensOf(t, m, r)
			assert.NotEqual(t, ids(batch[0]), ids(batch[1]))
			for i := range r.Samples {
				alone := r
				alone.Samples, alone.First = 1, i
				got := tokensOf(t, m, alone)[0]
				require.Equal(t, ids(batch[i]), ids(got), "sample %d", i)
				for k := range got {
					assert.InDeltaSlice(t, batch[i][k].Distribution, got[k].Distribution, 1e-9)
					assert.InDeltaSlice(t, batch[i][k].Losses, got[k].Losses, 1e-9)
				}
			}
		})
	}
}

func ids(tokens []pplm.Token) (out []int32) {
	for _, t := range tokens {
		out = append(out, t.ID)
	}
	return out
}

// Same seed, same bits, on any number of threads.
func TestThreads(t *testing.T) {
	var first [][]pplm.Token
	for _, threads := range []int{1, 2, 3} {
		m := tiny(t, openCPU(t, threads), tensor.Float32)
		got := tokensOf(t, m, request(t, 3, 6, false))
		if first == nil {
			first = got
		}
		assert.Empty(t, cmp.Diff(first, got), "%d threads", threads)
	}
}

// Tokens of the bag grow more frequent.
func TestSteeringSteers(t *testing.T) {
	m := tiny(t, openCPU(t, 2), tensor.Float32)
	r := request(t, 20, 12, true)
	r.Settings.StepSize, r.Settings.Gamma, r.Settings.Window = 1, 1, 0
	steered := tokensOf(t, m, r)
	r.Settings.Iterations = 0
	plain := tokensOf(t, m, r)
	count := func(samples [][]pplm.Token) (n int) {
		for _, tokens := range samples {
			for _, id := range ids(tokens) {
				if slices.Contains([]int32{3, 17, 29, 31}, id) {
					n++
				}
			}
		}
		return n
	}
	assert.Greater(t, count(steered), 2*count(plain))
	t.Logf("of %d tokens %d are of the bag steered, %d unsteered", 20*12, count(steered), count(plain))
}

// The unsteered text at the same seed is drawn with the same noise: moves of length
// 0 leave it as it is.
func TestNoiseIsShared(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 3, 10, false)
	r.Settings.StepSize, r.Settings.TopK = 0, 10
	still := tokensOf(t, m, r)
	r.Settings.Iterations = 0
	for i, tokens := range tokensOf(t, m, r) {
		assert.Equal(t, ids(tokens), ids(still[i]))
		for k, token := range tokens {
			assert.InDelta(t, token.P, still[i][k].P, 1e-12)
			assert.InDelta(t, 0, still[i][k].KL, 1e-12)
		}
	}
}

// meanLosses are an attribute's losses in the first and the last iteration.
func meanLosses(samples [][]pplm.Token) (first, last float64) {
	for _, tokens := range samples {
		for _, t := range tokens {
			n := float64(len(samples) * len(tokens))
			first, last = first+t.Losses[0]/n, last+t.Losses[len(t.Losses)-1]/n
		}
	}
	return first, last
}

// The losses fall, for an attribute and for its negation.
func TestLossesFall(t *testing.T) {
	m := tiny(t, openCPU(t, 2), tensor.Float64)
	bag := someBag(t, 3, 17, 29, 31, 40, 41, 42, 43, 44, 45)
	for _, a := range []pplm.Attribute{bag, pplm.Not(bag)} {
		r := request(t, 10, 10, true)
		r.Settings.StepSize, r.Settings.Gamma, r.Settings.KLScale = 0.05, 1, 0
		r.Attributes = []pplm.Attribute{a}
		first, last := meanLosses(tokensOf(t, m, r))
		assert.Less(t, last, 0.99*first)
		t.Logf("%T: %.4f to %.4f", a, first, last)
	}
}

// A state without positions moves as a whole.
func TestStateWithoutPositions(t *testing.T) {
	b := openCPU(t, 1)
	m := newRNN(t, b)
	r := request(t, 3, 8, false)
	r.Settings.StepSize = 0.1
	for i, tokens := range tokensOf(t, m, r) {
		for _, token := range tokens {
			assert.Less(t, token.Losses[2], token.Losses[0], "sample %d", i)
			assert.Len(t, token.Norms[0], 1)
		}
	}
	alone := r
	alone.Samples, alone.First = 1, 2
	assert.Equal(t, ids(tokensOf(t, m, r)[2]), ids(tokensOf(t, m, alone)[0]))
}

// Which rows move, by window.
func TestWindow(t *testing.T) {
	for _, tt := range []struct {
		name   string
		window int
		newest bool
		want   []bool // of five rows
	}{
		{"all", 0, false, []bool{true, true, true, true, true}},
		{"oldest", 2, false, []bool{true, true, false, false, false}},
		{"newest", 2, true, []bool{false, false, false, true, true}},
		{"as long as the past", 5, true, []bool{true, true, true, true, true}},
		{"longer", 9, false, []bool{true, true, true, true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := openCPU(t, 1)
			m := tiny(t, b, tensor.Float64)
			tape := autograd.NewTape(b)
			defer tape.Free()
			read := func(ids ...int32) pplm.State {
				_, _, next := m.Step(tape, tape.Own(backend.FromSlice(b, ids, len(ids), 1)), m.Start(1))
				return next.Keep()
			}
			s, plain := read(1, 2, 3, 4, 5), read(1, 2, 3, 4, 5, 6)
			defer s.Free()
			defer plain.Free()
			before := backend.Clone(b, s.Moving(0, 5)[0][1])
			how := steering()
			how.Window, how.Newest = tt.window, tt.newest
			p := pplm.NewPerturber(m, []pplm.Attribute{someBag(t, 3)}, how)
			defer p.Free()
			past, last := backend.Zeros(b, tensor.Float64, 1, 16), backend.FromSlice(b, []int32{6}, 1, 1)
			probs := backend.New(b, tensor.Float64, 1, 61)
			b.Fill(probs, 1./61)
			defer backend.Release(b, before, past, last, probs)
			_, err := p.Perturb(t.Context(), s, pplm.NewMoment(last, plain, probs, past, 5, [][]int32{{1, 2, 3, 4, 5, 6}}))
			require.NoError(t, err)
			b.Binary(backend.Sub, before, before, s.Moving(0, 5)[0][1])
			data, err := backend.Data[float64](b, before)
			require.NoError(t, err)
			for row, want := range tt.want {
				assert.Equal(t, want, slices.ContainsFunc(data[16*row:16*row+16], func(x float64) bool { return x != 0 }), "row %d", row)
			}
		})
	}
}

// Past the positions, the newest half of them is read again.
func TestSlide(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 2, 60, false)
	_, err := generate(t, m, r)
	require.EqualError(t, err, "generating: a prompt of 4 tokens, 60 new ones and a look-ahead of 2 need 65 positions: gpt2 has 40: ask for at most 35 tokens, or slide the window")
	r.Slide = true
	_, err = generate(t, m, r)
	require.NoError(t, err)

	r.Settings.Iterations, r.Attributes = 0, nil
	text := tokensOf(t, m, r)[1]
	all := append(slices.Clone(r.Prompt), ids(text)...)
	again := r
	again.Samples, again.Length, again.Slide = 1, 1, false
	again.Prompt = all[20:41] // half of the positions and the last token, as 41 do not fit
	assert.InDeltaSlice(t, text[37].Distribution, tokensOf(t, m, again)[0][0].Distribution, 1e-9)

	again.Prompt, again.Slide = all[:41], true
	assert.InDeltaSlice(t, text[37].Distribution, tokensOf(t, m, again)[0][0].Distribution, 1e-9, "a long prompt")
}

// As many tokens as the message of TestSlide names do fit.
func TestPositionsFit(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	r := request(t, 1, 35, false)
	samples, err := generate(t, m, r)
	require.NoError(t, err)
	assert.Len(t, samples[0].Tokens, 35)
	r.Length++
	_, err = generate(t, m, r)
	require.Error(t, err)
}

func TestPlainHonoursTemperatureAndTopK(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 1, true)
	r.Settings.Iterations = 0
	full := tokensOf(t, m, r)[0][0].Distribution
	r.Settings.Temperature, r.Settings.TopK = 0.5, 5
	got := tokensOf(t, m, r)[0][0].Distribution
	order := slices.Clone(full)
	slices.Sort(order)
	least, sum := order[len(order)-5], 0.0
	for _, p := range full {
		if p >= least {
			sum += p * p
		}
	}
	for i, p := range full {
		want := 0.0
		if p >= least {
			want = p * p / sum
		}
		assert.InDelta(t, want, got[i], 1e-12)
	}
}

func TestRepetition(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 1, true)
	r.Settings.Iterations = 0
	before := tokensOf(t, m, r)[0][0].Distribution
	r.Settings.Repetition = 1.5
	after := tokensOf(t, m, r)[0][0].Distribution
	for id := range before {
		if slices.Contains(r.Prompt, int32(id)) {
			assert.Less(t, after[id]/before[id], after[0]/before[0], "token %d", id)
		} else {
			assert.InDelta(t, after[0]/before[0], after[id]/before[id], 1e-9)
		}
	}
}

// Scores: of the whole text for a discriminator, the mean over positions for a bag.
func TestScores(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 2, 6, false)
	tokens := tokensOf(t, m, r)
	samples, err := generate(t, m, r)
	require.NoError(t, err)
	for i, s := range samples {
		mean := 0.0
		for _, token := range tokens[i] {
			mean += token.Likelihood[0] / 6
		}
		after := pplm.Request{Prompt: append(slices.Clone(r.Prompt), s.Tokens...), Length: 1, Samples: 1, Attributes: r.Attributes, Settings: r.Settings}
		whole := tokensOf(t, m, after)[0][0].Likelihood[1]
		assert.InDelta(t, mean+whole, s.Score, 1e-9)
	}
	r.Length = 0
	samples, err = generate(t, m, r)
	require.NoError(t, err)
	assert.Empty(t, samples[0].Tokens)
}

func TestGradLength(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	r := request(t, 1, 5, true)
	r.Settings.GradLength = 2
	for i, token := range tokensOf(t, m, r)[0] {
		assert.Equal(t, i < 2, token.Losses != nil)
	}
}

func TestRequestErrors(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	for _, tt := range []struct {
		change func(*pplm.Request)
		want   string
	}{
		{func(r *pplm.Request) { r.Prompt = nil }, "an empty prompt: give one token at least"},
		{func(r *pplm.Request) { r.Prompt = []int32{1, 61} }, "token 1 of the prompt is 61: gpt2 has 61 tokens"},
		{func(r *pplm.Request) { r.Length = -1 }, "2 samples of -1 tokens from sample 0: want 1 sample or more, and no negative numbers"},
		{func(r *pplm.Request) { r.Samples = 0 }, "0 samples of 3 tokens from sample 0: want 1 sample or more, and no negative numbers"},
		{func(r *pplm.Request) { r.Settings.TopK = 62 }, "top_k is 62: gpt2 has 61 tokens"},
		{func(r *pplm.Request) { r.Settings.Gamma = -1 }, "the gamma is -1: want 0 or more"},
		{func(r *pplm.Request) { r.Settings.Sample = false }, "2 samples of the likeliest tokens would all be the same: draw them, or ask for one"},
		{func(r *pplm.Request) { r.Replay = [][]int32{{1, 2, 3}} }, "tokens of 1 samples to replay for 2 samples"},
		{func(r *pplm.Request) { r.Replay = [][]int32{{1, 2, 3}, {1, 2}} }, "2 tokens to replay in sample 1: want 3"},
		{func(r *pplm.Request) { r.Replay = [][]int32{{1, 2, 3}, {1, 2, -1}} }, "token -1 to replay in sample 1: gpt2 has 61 tokens"},
		{func(r *pplm.Request) { r.Prompt = make([]int32, 41) }, "a prompt of 41 tokens, 3 new ones and a look-ahead of 0 need 43 positions: gpt2 has 40: ask for at most 0 tokens, or slide the window"},
	} {
		r := request(t, 2, 3, true)
		tt.change(&r)
		_, err := generate(t, m, r)
		assert.EqualError(t, err, "generating: "+tt.want)
	}
}

// sick is an attribute whose loss is not a number from the third token on.
type sick struct{ likes }

func (s sick) Loss(c *pplm.Context) *autograd.Var {
	loss := s.likes.Loss(c)
	if c.Plain != nil && len(c.Tokens[0]) > 6 {
		return autograd.Scale(loss, math.NaN())
	}
	return loss
}

func TestNaN(t *testing.T) {
	b := openCPU(t, 1)
	m := tiny(t, b, tensor.Float32)
	r := request(t, 1, 5, true)
	r.Attributes = []pplm.Attribute{sick{likes{id: 3}}}
	_, err := generate(t, m, r)
	assert.EqualError(t, err, "generating token 3: steering, iteration 1: the loss of sample 0 is NaN")

	b.Fill(m.Norm.Bias.Value, math.NaN())
	r.Attributes = nil
	_, err = generate(t, m, r)
	assert.EqualError(t, err, "generating token 0: sample 0: the probabilities add up to NaN")
}

func TestStop(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	enough := errors.New("enough")
	n := 0
	_, err := pplm.Generate(t.Context(), m, request(t, 2, 5, true), func(*pplm.Token) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	require.ErrorIs(t, err, enough)
	assert.Equal(t, 3, n)

	ctx, cancel := context.WithCancel(t.Context())
	_, err = pplm.Generate(ctx, m, request(t, 1, 5, true), func(token *pplm.Token) error {
		if token.Index == 1 {
			cancel()
		}
		return nil
	})
	assert.ErrorIs(t, err, context.Canceled)
	_, err = pplm.Generate(ctx, m, request(t, 1, 5, true), nil)
	assert.ErrorIs(t, err, context.Canceled)
}
