package pplm_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

func TestTopP(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 1, true)
	full := tokensOf(t, m, r)[0][0].Distribution
	r.Settings.TopP = 0.5
	likeliest := slices.Sorted(slices.Values(full))
	slices.Reverse(likeliest)
	n, sum := 0, 0.0
	for ; sum < 0.5; n++ {
		sum += likeliest[n]
	}
	for id, p := range tokensOf(t, m, r)[0][0].Distribution {
		if full[id] < likeliest[n-1] {
			assert.Zero(t, p)
		} else {
			assert.InDelta(t, full[id]/sum, p, 1e-12)
		}
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
