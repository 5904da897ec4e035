package pplm

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Request is what to generate.
type Request struct {
	Prompt     []int32
	Length     int         // new tokens of each sample
	Samples    int         // in one batch
	First      int         // number of the first sample: those of one seed differ by their numbers alone
	Seed       uint64      // of the draws
	Attributes []Attribute // to steer towards; where Settings.Iterations is 0, to judge by alone
	Settings   Settings
	Slide      bool      // past the model's positions, go on from the newest half; else that is an error at the start
	Replay     [][]int32 // tokens to take instead of drawing, for each sample
}

// Token is one token of one sample, as it is chosen.
type Token struct {
	Sample int // from 0, whatever Request.First
	Index  int // among the new tokens
	ID     int32

	P       float64 // of the token in the distribution it was taken from
	Steered float64 // in the steered model's, before it is mixed with the unsteered one's and cut
	Plain   float64 // in the unsteered model's, after the same text

	Likelihood []float64   // log p(a|x) of each attribute, unsteered, before this token
	Losses     []float64   // of each iteration, with the scaled divergence; nil where nothing moved
	KL         float64     // from the unsteered distribution in the last iteration, in nats, before its move
	Norms      [][]float64 // the gradient's norm, by iteration and layer

	Distribution []float64 // (V) that the token was taken from; overwritten by the next
}

// Sample is a generated text.
type Sample struct {
	Tokens []int32 // the new ones

	// Score is log p(a|x) under the unsteered model, the sum over attributes, what
	// samples are ranked by: of the whole text for an attribute of the text, else the
	// mean over its positions.
	Score float64
}

// Generate generates samples and gives every token to each, unless that is nil,
// as soon as it is chosen, sample by sample. An error of each's ends it and is
// returned. ctx is looked at before every token and every iteration.
func Generate(ctx context.Context, lm LM, r Request, each func(*Token) error) ([]Sample, error) {
	g, err := NewGenerator(ctx, lm, r)
	if err != nil {
		return nil, err
	}
	defer g.Free()
	for range r.Length {
		tokens, err := g.Next(ctx)
		if err != nil {
			return nil, err
		}
		if each == nil {
			continue
		}
		for i := range tokens {
			if err := each(&tokens[i]); err != nil {
				return nil, err
			}
		}
	}
	return g.Samples(ctx)
}

// check tells what is wrong with a request to a model.
func (r *Request) check(info Info) error {
	if len(r.Prompt) == 0 {
		return errors.New("an empty prompt: give one token at least")
	}
	for i, id := range r.Prompt {
		if id < 0 || int(id) >= info.Vocabulary {
			return fmt.Errorf("token %d of the prompt is %d: %s has %d tokens", i, id, info.Name, info.Vocabulary)
		}
	}
	if r.Length < 0 || r.Samples < 1 || r.First < 0 {
		return fmt.Errorf("%d samples of %d tokens from sample %d: want 1 sample or more, and no negative numbers", r.Samples, r.Length, r.First)
	}
	if err := r.Settings.Check(); err != nil {
		return err
	}
	if r.Settings.TopK > info.Vocabulary {
		return fmt.Errorf("top_k is %d: %s has %d tokens", r.Settings.TopK, info.Name, info.Vocabulary)
	}
	if r.Samples > 1 && !r.Settings.Sample && r.Replay == nil {
		return fmt.Errorf("%d samples of the likeliest tokens would all be the same: draw them, or ask for one", r.Samples)
	}
	for _, a := range r.Attributes {
		if err := checkAttribute(a, info); err != nil {
			return err
		}
	}
	if err := r.checkReplay(info); err != nil {
		return err
	}
	return r.checkPositions(info)
}

func (r *Request) checkReplay(info Info) error {
	if r.Replay == nil {
		return nil
	}
	if len(r.Replay) != r.Samples {
		return fmt.Errorf("tokens of %d samples to replay for %d samples", len(r.Replay), r.Samples)
	}
	for i, tokens := range r.Replay {
		if len(tokens) < r.Length {
			return fmt.Errorf("%d tokens to replay in sample %d: want %d", len(tokens), i, r.Length)
		}
		for _, id := range tokens {
			if id < 0 || int(id) >= info.Vocabulary {
				return fmt.Errorf("token %d to replay in sample %d: %s has %d tokens", id, i, info.Name, info.Vocabulary)
			}
		}
	}
	return nil
}

// checkPositions tells whether the model's positions are enough.
func (r *Request) checkPositions(info Info) error {
	if info.Positions == 0 {
		return nil
	}
	ahead := lookAhead(r.Attributes)
	if info.Positions/2 <= ahead {
		return fmt.Errorf("looking %d steps ahead: %s has %d positions", ahead, info.Name, info.Positions)
	}
	if slices.ContainsFunc(r.Attributes, ofText) {
		ahead = max(ahead, 1) // the last token is read too, to judge it
	}
	need := len(r.Prompt) + max(0, r.Length-1) + ahead
	if need <= info.Positions || r.Slide {
		return nil
	}
	return fmt.Errorf("a prompt of %d tokens, %d new ones and a look-ahead of %d need %d positions: %s has %d: ask for at most %d tokens, or slide the window",
		len(r.Prompt), r.Length, ahead, need, info.Name, info.Positions, max(0, info.Positions-len(r.Prompt)-ahead+1))
}
