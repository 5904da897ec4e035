package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/represent"
)

// text is one generated text with its figures, a line of samples.jsonl. Shares and
// probabilities that nothing measures are nil.
type text struct {
	target    *target
	candidate int // in its batch

	Attribute  string     `json:"attribute"`
	Method     string     `json:"method"`
	Prompt     int        `json:"prompt"` // from 1
	Sample     int        `json:"sample"` // from 1
	Begin      string     `json:"cond_text"`
	Text       string     `json:"text"` // new
	Tokens     []int32    `json:"tokens"`
	Score      float64    `json:"score"` // log p(a|x), what methods rank by
	Nats       float64    `json:"nats"`  // -log p of the new tokens under the scorer
	Scored     int        `json:"scored_tokens"`
	Perplexity float64    `json:"perplexity"` // exp(Nats/Scored)
	Dist       [3]float64 `json:"dist"`
	Words      int        `json:"words"` // new
	Bag        *float64   `json:"bag_words"`
	Judge      *float64   `json:"judge_words"`
	Class      *float64   `json:"class"`
	Seconds    float64    `json:"s_per_token"`
}

// measure fills in the figures of texts of one batch.
func (e *evaluation) measure(ctx context.Context, b *batch, texts []*text) error {
	nats, counts, err := e.nats(ctx, b, texts)
	if err != nil {
		return fmt.Errorf("the perplexity after %q: %w", e.prompts[b.prompt], err)
	}
	for _, x := range texts {
		x.Nats, x.Scored = nats[x.candidate], counts[x.candidate]
		x.Perplexity = math.Exp(x.Nats / float64(x.Scored))
		if math.IsNaN(x.Perplexity) || math.IsInf(x.Perplexity, 0) {
			return fmt.Errorf("the perplexity of %q after %q is %v", x.Text, x.Begin, x.Perplexity)
		}
		for n := range x.Dist {
			x.Dist[n] = pplm.Dist(n+1, x.Tokens)
		}
		words := continued(x.Begin, x.Text)
		x.Words = len(words)
		if c := x.target.steers; c != nil {
			x.Bag = new(c.share(words))
		}
		if c := x.target.judges; c != nil {
			x.Judge = new(c.share(words))
		}
		if j := x.target.class; j != nil {
			hidden, err := e.hidden(ctx, b, j.model)
			if err != nil {
				return err
			}
			x.Class = new(math.Exp(j.head.LogProbs(hidden[x.candidate])[j.class]))
		}
	}
	return nil
}

// nats are -log p of the texts' new tokens under the scorer, and how many tokens of
// its it took them for, by candidate.
func (e *evaluation) nats(ctx context.Context, b *batch, texts []*text) (nats map[int]float64, counts map[int]int, err error) {
	nats, counts = make(map[int]float64), make(map[int]int)
	for _, x := range texts {
		nats[x.candidate], counts[x.candidate] = b.plain[x.candidate], len(x.Tokens)
	}
	if e.scorer == e.model {
		return nats, counts, nil
	}
	prompt, err := e.scorer.Read(e.prompts[b.prompt])
	if err != nil {
		return nil, nil, err
	}
	order := slices.Sorted(maps.Keys(nats))
	var tokens [][]int32
	for _, i := range order {
		ids, err := e.scorer.Encode(e.model.Decode(b.samples[i].Tokens))
		if err != nil {
			return nil, nil, err
		}
		tokens, counts[i] = append(tokens, ids), len(ids)
	}
	losses, err := score(ctx, e.scorer, prompt, tokens)
	if err != nil {
		return nil, nil, err
	}
	for row, i := range order {
		nats[i] = losses[row]
	}
	return nats, counts, nil
}

// score is -log p of each of B texts after a prompt of one token at least.
func score(ctx context.Context, lm pplm.LM, prompt []int32, texts [][]int32) ([]float64, error) {
	info, longest, sums := lm.Info(), 0, make([]float64, len(texts))
	for _, ids := range texts {
		longest = max(longest, len(ids))
	}
	if need := len(prompt) + longest - 1; info.Positions > 0 && need > info.Positions {
		return nil, fmt.Errorf("the scorer %s has %d positions, the text needs %d", info.Name, info.Positions, need)
	}
	tape := autograd.NewTape(info.Backend)
	defer tape.Free()
	state := prompted(tape, lm, prompt[:len(prompt)-1], len(texts))
	defer func() { state.Free() }()
	read := slices.Repeat(prompt[len(prompt)-1:], len(texts))
	for t := range longest {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		logits, _, next := lm.Step(tape, tape.Own(backend.FromSlice(info.Backend, read, 1, len(texts))), state)
		state = next[0].Keep()
		for i, ids := range texts {
			if t < len(ids) { // else it has ended, and what is read for it does not count
				read[i] = ids[t]
			}
		}
		losses := autograd.CrossEntropy(autograd.Reshape(logits, len(texts), -1), tape.Own(backend.FromSlice(info.Backend, read, len(texts))))
		numbers, err := backend.Floats(info.Backend, losses.Value)
		if err != nil {
			return nil, err
		}
		for i, ids := range texts {
			if t < len(ids) {
				sums[i] += numbers[i]
			}
		}
		tape.Reset()
	}
	return sums, nil
}

// prompted is a state of several samples that have read the same tokens. The caller
// frees it.
func prompted(tape *autograd.Tape, lm pplm.LM, tokens []int32, samples int) pplm.State {
	one := lm.Start(1)
	if len(tokens) > 0 {
		_, _, next := lm.Step(tape, tape.Own(backend.FromSlice(tape.Backend, tokens, len(tokens), 1)), one)
		one = next[0].Keep()
		tape.Reset()
	}
	defer one.Free()
	return one.Copy(samples)
}

// hidden are the mean hidden states in a language model of a batch's prompt with
// each candidate.
func (e *evaluation) hidden(ctx context.Context, b *batch, m *models.Model) ([][]float64, error) {
	if b.hidden[m] != nil {
		return b.hidden[m], nil
	}
	var texts [][]int32
	for _, s := range b.samples {
		ids := slices.Concat(b.ids, s.Tokens)
		if m != e.model {
			var err error
			if ids, err = m.Read(e.prompts[b.prompt] + e.model.Decode(s.Tokens)); err != nil {
				return nil, err
			}
		}
		texts = append(texts, ids)
	}
	x, err := represent.Means(ctx, m, texts, false, nil)
	if err != nil {
		return nil, err
	}
	defer backend.Release(m.Info().Backend, x)
	numbers, err := backend.Floats(m.Info().Backend, x)
	if err != nil {
		return nil, err
	}
	b.hidden[m] = slices.Collect(slices.Chunk(numbers, m.Info().Width))
	return b.hidden[m], nil
}
