package pplm_test

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// TestWeighed compares with the probability of each word's ending, read one word
// and one token at a time.
func TestWeighed(t *testing.T) {
	b := openCPU(t, 2)
	for _, lm := range []pplm.LM{tiny(t, b, tensor.Float64), newRNN(t, b)} {
		words := [][]int32{{5}, {7, 8}, {7, 8, 9}, {1, 2, 3, 4}}
		for i := range int32(70) { // more than are read together
			words = append(words, []int32{i % 60, (i + 7) % 60})
		}
		bag := &pplm.Bag{Name: "words"}
		for _, tokens := range words {
			bag.Words = append(bag.Words, pplm.Word{Text: "w", Tokens: tokens, Times: 1})
		}
		for _, begin := range []int32{-1, 0} {
			weighed, err := bag.Weighed(context.Background(), lm, begin)
			require.NoError(t, err)
			for i, tokens := range words {
				assert.Nil(t, bag.Words[i].Rest, "the bag itself stays")
				if len(tokens) == 1 {
					assert.Nil(t, weighed.Words[i].Rest)
					continue
				}
				want := make([]float64, len(tokens))
				for k := range tokens {
					want[k] = ending(t, lm, begin, tokens, k)
				}
				assert.InDeltaSlice(t, want, weighed.Words[i].Rest, 1e-12)
			}
		}
	}
}

// ending is the probability of tokens after the k-th, given those up to it.
func ending(t *testing.T, lm pplm.LM, begin int32, tokens []int32, k int) float64 {
	b, p := lm.Info().Backend, 1.0
	s := lm.Start(1)
	defer func() { s.Free() }()
	read := tokens
	if begin >= 0 {
		read, k = append([]int32{begin}, tokens...), k+1
	}
	for i, id := range read[:len(read)-1] {
		tape := autograd.NewTape(b)
		logits, _, next := lm.Step(tape, tape.Own(backend.FromSlice(b, []int32{id}, 1, 1)), s)
		probs, err := backend.Data[float64](b, autograd.Softmax(logits).Value)
		require.NoError(t, err)
		if i >= k {
			p = max(1e-9, p*probs[read[i+1]])
		}
		s = next[0].Keep()
		tape.Free()
	}
	return p
}

// The first token of two long words counts as their sum, and never more than once.
func TestWeighedLoss(t *testing.T) {
	b := openCPU(t, 1)
	probs := []float64{0.1, 0.2, 0.3, 0.4}
	word := func(rest []float64, tokens ...int32) pplm.Word {
		return pplm.Word{Text: "w", Tokens: tokens, Times: 1, Rest: rest}
	}
	for _, c := range []struct {
		name  string
		words []pplm.Word
		read  []int32
		want  float64
	}{
		{"sum of endings", []pplm.Word{word([]float64{0.25, 1}, 1, 2), word([]float64{0.5, 1}, 1, 3)}, []int32{0}, 0.75 * 0.2},
		{"once at most", []pplm.Word{word(nil, 1), word([]float64{0.5, 1}, 1, 3)}, []int32{0}, 0.2},
		{"inside a word", []pplm.Word{word([]float64{0.25, 0.5, 1}, 1, 2, 3)}, []int32{0, 1}, 0.25*0.2 + 0.5*0.3},
	} {
		t.Run(c.name, func(t *testing.T) {
			loss := lossOf(t, b, &pplm.Bag{Name: "b", Words: c.words}, probs, c.read)
			assert.InDelta(t, -math.Log(c.want), loss[0], 1e-12)
		})
	}
}

func TestWeighedErrors(t *testing.T) {
	b := openCPU(t, 1)
	lm := tiny(t, b, tensor.Float32)
	_, err := (&pplm.Bag{Name: "none"}).Weighed(context.Background(), lm, -1)
	assert.ErrorContains(t, err, "no words")
	_, err = (&pplm.Bag{Name: "b", Words: []pplm.Word{{Text: "longword", Tokens: make([]int32, 40), Times: 1}}}).Weighed(context.Background(), lm, -1)
	assert.ErrorContains(t, err, `bag of words b: "longword" has 40 tokens`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = (&pplm.Bag{Name: "b", Words: []pplm.Word{{Text: "w", Tokens: []int32{1, 2}, Times: 1}}}).Weighed(ctx, lm, -1)
	assert.ErrorIs(t, err, context.Canceled)
}
