package pplm_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

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
				return next[0].Keep()
			}
			s, plain := read(1, 2, 3, 4, 5), read(1, 2, 3, 4, 5, 6)
			defer s.Free()
			defer plain.Free()
			before := backend.Clone(b, s.Moving(0, 5)[0][1])
			how := steering()
			how.Window, how.Newest = tt.window, tt.newest
			p := pplm.NewPerturber(m, []pplm.Attribute{someBag(t, 3)}, how)
			defer p.Free()
			past := backend.Zeros(b, tensor.Float64, 1, 16)
			probs := backend.New(b, tensor.Float64, 1, 61)
			b.Fill(probs, 1./61)
			defer backend.Release(b, before, past, probs)
			reports, err := p.Perturb(t.Context(), &pplm.Moment{
				Steered: s, Plain: plain, Probs: probs, Past: past, Count: 5, Tokens: [][]int32{{1, 2, 3, 4, 5, 6}},
			})
			require.NoError(t, err)
			require.NoError(t, reports[0].Err)
			b.Binary(backend.Sub, before, before, s.Moving(0, 5)[0][1])
			data, err := backend.Data[float64](b, before)
			require.NoError(t, err)
			for row, want := range tt.want {
				assert.Equal(t, want, slices.ContainsFunc(data[16*row:16*row+16], func(x float64) bool { return x != 0 }), "row %d", row)
			}
		})
	}
}

// A text whose loss is no number does not move, and another beside it does.
func TestPerturbTwoTexts(t *testing.T) {
	b := openCPU(t, 1)
	m := tiny(t, b, tensor.Float64)
	p := pplm.NewPerturber(m, []pplm.Attribute{troubled{likes{id: 3}, 13, true}}, steering())
	defer p.Free()
	probs, past := backend.New(b, tensor.Float64, 1, 61), backend.Zeros(b, tensor.Float64, 1, 16)
	b.Fill(probs, 1./61)
	defer backend.Release(b, probs, past)
	var moments []*pplm.Moment
	var before [][]float64
	for _, first := range []int32{13, 14} {
		text := []int32{first, 2, 3, 4, 5, 6}
		tape := autograd.NewTape(b)
		_, _, read := m.Step(tape, tape.Own(backend.FromSlice(b, text[:5], 5, 1)), m.Start(1))
		steered := read[0].Keep()
		plain := steered.Copy(1)
		_, _, read = m.Step(tape, tape.Own(backend.FromSlice(b, text[5:], 1, 1)), plain)
		plain = read[0].Keep()
		tape.Free()
		defer steered.Free()
		defer plain.Free()
		moments = append(moments, &pplm.Moment{Steered: steered, Plain: plain, Probs: probs, Past: past, Count: 5, Tokens: [][]int32{text}})
		before = append(before, golden.Read(t, b, steered.Moving(0, 3)[1][1]))
	}
	reports, err := p.Perturb(t.Context(), moments...)
	require.NoError(t, err)
	assert.EqualError(t, reports[0].Err, "steering, iteration 1: the loss of the attribute pplm_test.troubled is NaN in sample 0")
	require.NoError(t, reports[1].Err)
	for i, moment := range moments {
		assert.Equal(t, i == 0, slices.Equal(before[i], golden.Read(t, b, moment.Steered.Moving(0, 3)[1][1])), "text %d", i)
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
	assert.EqualError(t, err, "generating token 3: steering, iteration 1: the loss of the attribute pplm_test.sick is NaN in sample 0")

	b.Fill(m.Norm.Bias.Value, math.NaN())
	r.Attributes = nil
	_, err = generate(t, m, r)
	assert.EqualError(t, err, "generating token 0: sample 0: the probabilities add up to NaN")
}

// A weight below 0 makes the loss negative: the text is steered away all the same.
func TestNegativeWeight(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 10, 10, true)
	r.Settings.StepSize, r.Settings.Gamma, r.Settings.KLScale = 0.3, 1, 0
	r.Attributes[0] = pplm.Weight(-1, r.Attributes[0])
	first, last := meanLosses(tokensOf(t, m, r))
	assert.Less(t, first, -1.0)
	assert.Less(t, last, first-0.1)
}

// The divergence is measured where it has no weight, and steers nothing.
func TestDivergenceWithoutWeight(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float64)
	r := request(t, 1, 4, true)
	r.Settings.KLScale = 0
	without := tokensOf(t, m, r)[0]
	r.Settings.KLScale = 1e-12
	for i, token := range tokensOf(t, m, r)[0] {
		assert.Greater(t, token.KL, 1e-4)
		assert.InEpsilon(t, token.KL, without[i].KL, 1e-6)
		assert.Equal(t, token.ID, without[i].ID)
	}
}

// cancelling is an attribute that cancels a context where it steers.
type cancelling struct {
	likes
	cancel   context.CancelFunc
	steering *int // losses
}

func (c cancelling) Loss(x *pplm.Context) *autograd.Var {
	if x.Plain != nil {
		*c.steering++
		c.cancel()
	}
	return c.likes.Loss(x)
}

// A context that ends is seen before the next iteration.
func TestCancelBetweenIterations(t *testing.T) {
	m := tiny(t, openCPU(t, 1), tensor.Float32)
	ctx, cancel := context.WithCancel(t.Context())
	r, count := request(t, 1, 1, true), 0
	r.Attributes = []pplm.Attribute{cancelling{likes{id: 3}, cancel, &count}}
	_, err := pplm.Generate(ctx, m, r, nil)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, count)
}

// A bag to which the model gives nothing is named.
func TestImpossibleBag(t *testing.T) {
	b := openCPU(t, 1)
	m := tiny(t, b, tensor.Float32)
	b.Unary(backend.Unary{Kind: backend.Affine, A: 1000}, m.Norm.Weight.Value, m.Norm.Weight.Value)
	r := request(t, 1, 1, true)
	bag := someBag(t, 3)
	r.Attributes = []pplm.Attribute{bag}
	_, err := generate(t, m, r)
	assert.EqualError(t, err, "generating token 0: the unsteered loss of the bag of words some is +Inf in sample 0")

	// The endings of a word have a probability all the same.
	bag.Words[0].Tokens = []int32{3, 17, 29, 31}
	weighed, err := bag.Weighed(t.Context(), m, -1)
	require.NoError(t, err)
	assert.Equal(t, []float64{1e-9, 1e-9, 1e-9, 1}, weighed.Words[0].Rest)

	b.Fill(m.Norm.Bias.Value, math.NaN())
	_, err = generate(t, m, r)
	assert.EqualError(t, err, "generating token 0: the unsteered loss of the bag of words some is NaN in sample 0")
}
