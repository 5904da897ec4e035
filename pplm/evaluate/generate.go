package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// batch is what one prompt led to. Candidate c of sample k has the number
// c*num_samples + k, so that a sample's first one is the same however many there
// are.
type batch struct {
	prompt  int
	ids     []int32 // the prompt's
	samples []pplm.Sample
	plain   []float64                     // by candidate: -log p of its new tokens, unsteered
	sums    map[*target][]float64         // by candidate: log p(a|x), added up over its new tokens
	hidden  map[*models.Model][][]float64 // by candidate: the mean hidden state of prompt and text, where asked for
	seconds float64
}

// generate makes n candidates of a prompt, which the targets measure and, where
// how says so, steer.
func (e *evaluation) generate(ctx context.Context, prompt, n int, targets []*target, how pplm.Settings) (*batch, error) {
	ids, err := e.model.Read(e.prompts[prompt])
	if err != nil {
		return nil, fmt.Errorf("the prompt %q: %w", e.prompts[prompt], err)
	}
	b := &batch{
		prompt: prompt, ids: ids, plain: make([]float64, n),
		sums: make(map[*target][]float64), hidden: make(map[*models.Model][][]float64),
	}
	var towards []pplm.Attribute
	for _, t := range targets {
		towards = append(towards, t.attribute)
		b.sums[t] = make([]float64, n)
	}
	start := time.Now()
	b.samples, err = pplm.Generate(ctx, e.model, pplm.Request{
		Prompt: ids, Length: e.length, Samples: n, First: prompt * promptSpan, Seed: e.seed, Attributes: towards, Settings: how,
	}, func(t *pplm.Token) error {
		b.plain[t.Sample] -= math.Log(t.Plain)
		for a, target := range targets {
			b.sums[target][t.Sample] += t.Likelihood[a]
		}
		if t.Sample == 0 {
			e.advance()
		}
		return nil
	})
	b.seconds = time.Since(start).Seconds()
	if err != nil {
		return nil, fmt.Errorf("the prompt %q: %w", e.prompts[prompt], err)
	}
	return b, nil
}

// unsteered makes the texts of B and BR of a prompt, once for all targets.
func (e *evaluation) unsteered(ctx context.Context, prompt int) error {
	n := 0
	var bags []*target
	for _, t := range e.targets {
		n = max(n, e.candidates(t, false))
		if t.steers != nil {
			bags = append(bags, t)
		}
	}
	if n == 0 {
		return nil
	}
	how := e.targets[0].preset.Settings // the draws are the same in all
	how.Iterations = 0
	b, err := e.generate(ctx, prompt, n, bags, how)
	if err != nil {
		return err
	}
	return e.take(ctx, b, e.targets, false)
}

// steered makes the texts of BC and BCR of a prompt and a target.
func (e *evaluation) steered(ctx context.Context, prompt int, t *target) error {
	n := e.candidates(t, true)
	if n == 0 {
		return nil
	}
	b, err := e.generate(ctx, prompt, n, []*target{t}, t.preset.Settings)
	if err != nil {
		return err
	}
	return e.take(ctx, b, []*target{t}, true)
}

// candidates is how many texts of a prompt and a target the methods need that steer
// or that do not.
func (e *evaluation) candidates(t *target, steered bool) int {
	n := 0
	for _, m := range e.methods {
		if m.Steered == steered {
			n = max(n, e.samples*e.of(m, t))
		}
	}
	return n
}

// of is how many candidates a method chooses among.
func (e *evaluation) of(m pplm.Method, t *target) int {
	if m.Ranked {
		return t.preset.Samples
	}
	return 1
}

// take makes texts of a batch: those that the methods that steer, or those that do
// not, choose for targets.
func (e *evaluation) take(ctx context.Context, b *batch, targets []*target, steered bool) error {
	var texts []*text
	for _, t := range targets {
		ranked, err := e.rank(ctx, b, t)
		if err != nil {
			return err
		}
		for _, m := range e.methods {
			if m.Steered != steered {
				continue
			}
			for k := range e.samples {
				texts = append(texts, e.pick(b, t, m, ranked, k))
			}
		}
	}
	if err := e.measure(ctx, b, texts); err != nil {
		return err
	}
	e.texts = append(e.texts, texts...)
	return nil
}

// rank are a batch's samples with their scores for a target, as in [pplm.Sample].
func (e *evaluation) rank(ctx context.Context, b *batch, t *target) ([]pplm.Sample, error) {
	out := make([]pplm.Sample, len(b.samples))
	for i, s := range b.samples {
		out[i] = s
		if t.steers != nil {
			out[i].Score = b.sums[t][i] / float64(e.length)
		}
	}
	if t.read == nil {
		return out, nil
	}
	hidden, err := e.hidden(ctx, b, e.model)
	for i, x := range hidden {
		out[i].Score = t.logP(x)
	}
	return out, err
}

// pick is the text of sample k that a method takes.
func (e *evaluation) pick(b *batch, t *target, m pplm.Method, ranked []pplm.Sample, k int) *text {
	n := e.of(m, t)
	candidates := make([]pplm.Sample, n)
	for c := range candidates {
		candidates[c] = ranked[c*e.samples+k]
	}
	at := m.Pick(candidates, t.preset.Distinct)*e.samples + k
	chosen := ranked[at]
	return &text{
		target: t, candidate: at,
		Attribute: t.name, Method: m.Name, Prompt: b.prompt + 1, Sample: k + 1,
		Begin: e.prompts[b.prompt], Text: e.model.Decode(chosen.Tokens), Tokens: chosen.Tokens, Score: chosen.Score,
		Seconds: b.seconds / float64(len(b.samples)*e.length) * float64(n),
	}
}
