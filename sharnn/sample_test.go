package sharnn_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
)

// sampled are n draws after a prompt.
func sampled(t testing.TB, m *sharnn.Model, how sharnn.Sampling, prompt []int32, n int) []int32 {
	s, err := sharnn.NewSampler(m, how)
	require.NoError(t, err)
	defer s.Free()
	require.NoError(t, s.Feed(t.Context(), prompt))
	out := make([]int32, n)
	for i := range out {
		out[i], err = s.Next()
		require.NoError(t, err)
	}
	return out
}

// The likeliest symbol each time, found by running the whole text afresh.
func TestSampleGreedyFollowsTheModel(t *testing.T) {
	for _, splits := range [][]int{nil, {4}, {2, 5}} {
		m := tiny(t, openCPU(t), 1000, splits...)
		text := someIDs(6)
		got := sampled(t, m, sharnn.Sampling{TopP: 1}, text, 12)
		for i, id := range got {
			best, least := int32(0), math.Inf(1)
			for candidate := range int32(m.Config.Symbols) {
				losses := plainLosses(t, m, append(append([]int32{}, text...), candidate))
				if last := losses[len(losses)-1]; last < least {
					best, least = candidate, last
				}
			}
			require.Equal(t, best, id, "draw %d with splits %v", i, splits)
			text = append(text, id)
		}
	}
}

func TestSampleRepeatsBySeed(t *testing.T) {
	m := tiny(t, openCPU(t), 20)
	draw := func(seed uint64) []int32 {
		return sampled(t, m, sharnn.Sampling{Temperature: 1, TopP: 1, Seed: seed}, someIDs(300), 40)
	}
	assert.Equal(t, draw(1), draw(1))
	assert.NotEqual(t, draw(1), draw(2))
}

// A text fed in two pieces, or drawn and then fed on, goes on as if it had been
// fed at once.
func TestSampleFeedsOn(t *testing.T) {
	b := openCPU(t)
	m := tiny(t, b, 1000)
	how := sharnn.Sampling{Temperature: 1, TopP: 1, Seed: 5}
	want := sampled(t, m, how, someIDs(9), 6)
	before := live(b)
	s, err := sharnn.NewSampler(m, how)
	require.NoError(t, err)
	require.NoError(t, s.Feed(t.Context(), someIDs(9)[:4]))
	require.NoError(t, s.Feed(t.Context(), nil))
	require.NoError(t, s.Feed(t.Context(), someIDs(9)[4:]))
	for i := range 3 {
		id, err := s.Next()
		require.NoError(t, err)
		require.Equal(t, want[i], id)
	}
	require.NoError(t, s.Feed(t.Context(), want[3:5]))
	id, err := s.Next()
	require.NoError(t, err)
	assert.Equal(t, want[5], id)
	s.Free()
	assert.Equal(t, before, live(b), "bytes left behind")
}

// fixed makes a model whose distribution is always p: the hidden state meets
// embeddings of zero, and the decoder's bias is log p.
func fixed(t testing.TB, b backend.Backend, p ...float64) *sharnn.Model {
	m := tiny(t, b, 0)
	b.Fill(m.Encoder.Weight.Value, 0)
	logits := make([]float64, m.Config.Symbols)
	for i := range logits {
		logits[i] = math.Log(p[i])
	}
	bias := backend.FromSlice(b, logits, len(logits))
	b.Copy(m.Decoder.Value, bias)
	backend.Release(b, bias)
	return m
}

func TestSampleDistribution(t *testing.T) {
	m := fixed(t, openCPU(t), 0.05, 0.3, 0.1, 0.3, 0.05, 0.15, 0.05)
	const n = 1500
	tests := []struct {
		name string
		how  sharnn.Sampling
		want []float64
	}{
		{"as it is", sharnn.Sampling{Temperature: 1, TopP: 1}, []float64{0.05, 0.3, 0.1, 0.3, 0.05, 0.15, 0.05}},
		{"hotter", sharnn.Sampling{Temperature: 1e6, TopP: 1}, []float64{1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7, 1. / 7}},
		{"colder", sharnn.Sampling{Temperature: 0.5, TopP: 1}, []float64{
			0.0025 / 0.22, 0.09 / 0.22, 0.01 / 0.22, 0.09 / 0.22, 0.0025 / 0.22, 0.0225 / 0.22, 0.0025 / 0.22}},
		{"nearly frozen", sharnn.Sampling{Temperature: 1e-300, TopP: 1}, []float64{0, 0.5, 0, 0.5, 0, 0, 0}},
		{"greedy takes the first", sharnn.Sampling{TopP: 1}, []float64{0, 1, 0, 0, 0, 0, 0}},
		{"top 1", sharnn.Sampling{Temperature: 1, TopK: 1, TopP: 1}, []float64{0, 1, 0, 0, 0, 0, 0}},
		{"top 3", sharnn.Sampling{Temperature: 1, TopK: 3, TopP: 1}, []float64{0, 0.4, 0, 0.4, 0, 0.2, 0}},
		{"top 100", sharnn.Sampling{Temperature: 1, TopK: 100, TopP: 1}, []float64{0.05, 0.3, 0.1, 0.3, 0.05, 0.15, 0.05}},
		{"top half", sharnn.Sampling{Temperature: 1, TopP: 0.5}, []float64{0, 0.5, 0, 0.5, 0, 0, 0}},
		{"top 0.7", sharnn.Sampling{Temperature: 1, TopP: 0.7}, []float64{0, 0.4, 0, 0.4, 0, 0.2, 0}},
		{"at least one", sharnn.Sampling{Temperature: 1, TopP: 1e-9}, []float64{0, 1, 0, 0, 0, 0, 0}},
		{"top 0.7 of the top 3", sharnn.Sampling{Temperature: 1, TopK: 3, TopP: 0.7}, []float64{0, 0.5, 0, 0.5, 0, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			counts := make([]int, m.Config.Symbols)
			for _, id := range sampled(t, m, tt.how, []int32{0}, n) {
				counts[id]++
			}
			for id, p := range tt.want {
				assert.InDelta(t, n*p, counts[id], 4*math.Sqrt(n*p*(1-p)), "symbol %d", id)
			}
		})
	}
}

func TestSampleErrors(t *testing.T) {
	b := openCPU(t)
	m := tiny(t, b, 10)
	for _, tt := range []struct {
		how  sharnn.Sampling
		want string
	}{
		{sharnn.Sampling{Temperature: -1, TopP: 1}, "sampling: temperature is -1: want 0 or more"},
		{sharnn.Sampling{Temperature: math.NaN(), TopP: 1}, "sampling: temperature is NaN: want 0 or more"},
		{sharnn.Sampling{TopK: -1, TopP: 1}, "sampling: top_k is -1: want 0 or more"},
		{sharnn.Sampling{}, "sampling: top_p is 0: want more than 0 and at most 1"},
		{sharnn.Sampling{TopP: 1.5}, "sampling: top_p is 1.5: want more than 0 and at most 1"},
	} {
		_, err := sharnn.NewSampler(m, tt.how)
		assert.EqualError(t, err, tt.want)
	}
	s, err := sharnn.NewSampler(m, sharnn.Sampling{TopP: 1})
	require.NoError(t, err)
	defer s.Free()
	_, err = s.Next()
	assert.EqualError(t, err, "sampling: nothing to go on: feed a prompt first")
	assert.EqualError(t, s.Feed(t.Context(), []int32{0, 7}), "reading a prompt: id 7 at position 1: the model has 7 symbols")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, s.Feed(ctx, []int32{1}), context.Canceled)

	b.Fill(m.Decoder.Value, math.NaN())
	require.NoError(t, s.Feed(t.Context(), []int32{1}))
	_, err = s.Next()
	assert.EqualError(t, err, "sampling: the model's logit of symbol 0 is NaN")
}
