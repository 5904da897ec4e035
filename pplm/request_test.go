package pplm_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

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
