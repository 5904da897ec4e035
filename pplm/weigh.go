package pplm

import (
	"context"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
)

// Weighed is b with the probabilities of its words' endings: a first token such as
// " poly", which begins much else, counts as much as the language model, told no
// more than that token, expects " polymer" to follow. Without them steering towards
// words of several tokens is steering towards their beginnings. begin is the token
// before every text, negative where the model has none. It takes a Step of the
// model for each token of the longest word.
func (b *Bag) Weighed(ctx context.Context, lm LM, begin int32) (*Bag, error) {
	info := lm.Info()
	if err := b.Check(info); err != nil {
		return nil, err
	}
	weighed := &Bag{b.Name, append([]Word(nil), b.Words...)}
	var long []*Word
	for i := range weighed.Words {
		if w := &weighed.Words[i]; len(w.Tokens) > 1 {
			long = append(long, w)
		}
	}
	for _, w := range long {
		if info.Positions > 0 && len(w.Tokens) >= info.Positions {
			return nil, fmt.Errorf("bag of words %s: %.40q has %d tokens, %s reads %d", b.Name, w.Text, len(w.Tokens), info.Name, info.Positions)
		}
	}
	for words := range slices.Chunk(long, weighBatch) {
		if err := endings(ctx, lm, begin, words); err != nil {
			return nil, fmt.Errorf("bag of words %s: weighing its words: %w", b.Name, err)
		}
	}
	return weighed, nil
}

// weighBatch is how many words are read together.
const weighBatch = 64

// leastRest is the least probability of an ending, so that a word that the model
// does not expect can be steered to, and no loss is infinite.
const leastRest = 1e-9

// endings sets the Rest of words, which have several tokens each.
func endings(ctx context.Context, lm LM, begin int32, words []*Word) error {
	b, longest := lm.Info().Backend, 0
	for _, w := range words {
		longest = max(longest, len(w.Tokens))
		w.Rest = make([]float64, len(w.Tokens))
		for k := range w.Rest {
			w.Rest[k] = 1
		}
	}
	tape := autograd.NewTape(b)
	defer tape.Free()
	s := lm.Start(len(words))
	defer func() { s.Free() }()
	var numbers reader
	column := make([]int32, len(words))
	if begin >= 0 {
		for i := range column {
			column[i] = begin
		}
		_, _, next := lm.Step(tape, tape.Own(backend.FromSlice(b, column, 1, len(words))), s)
		s = next[0].Keep()
		tape.Reset()
	}
	for k := range longest - 1 {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, w := range words {
			column[i] = w.Tokens[min(k, len(w.Tokens)-1)] // words that are over go on for nothing
		}
		logits, _, next := lm.Step(tape, tape.Own(backend.FromSlice(b, column, 1, len(words))), s)
		p, err := numbers.read(b, autograd.Softmax(logits).Value)
		if err != nil {
			return err
		}
		for i, w := range words {
			if k+1 < len(w.Tokens) {
				for j := range k + 1 {
					w.Rest[j] = max(leastRest, w.Rest[j]*p[i*lm.Info().Vocabulary+int(w.Tokens[k+1])])
				}
			}
		}
		s = next[0].Keep()
		tape.Reset()
	}
	return nil
}
