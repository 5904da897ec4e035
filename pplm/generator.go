package pplm

import (
	"context"
	"fmt"

	"github.com/tiller-ml/tiller/tensor"
)

// Generator generates samples token by token: see [Generate]. It is a [Group] of one
// text, and belongs to one goroutine. Free gives its memory back.
type Generator struct {
	group   *Group
	text    *Text
	samples []Sample // scored; nil before Samples
	failed  error    // what ended the generator
}

// NewGenerator reads the prompt but for its last token. Its errors tell what is
// wrong with the request, or are the device's or ctx's.
func NewGenerator(ctx context.Context, lm LM, r Request) (*Generator, error) {
	group, err := NewGroup(lm, r.Attributes, r.Settings)
	if err != nil {
		return nil, fmt.Errorf("generating: %w", err)
	}
	r.Attributes = nil
	g := &Generator{group: group}
	if g.text, err = group.Add(r); err != nil {
		g.Free()
		return nil, fmt.Errorf("generating: %w", err)
	}
	for !g.text.ready {
		if err := group.read(ctx, g.text); err != nil {
			g.Free()
			return nil, fmt.Errorf("generating: %w", err)
		}
	}
	return g, nil
}

// Free gives the generator's memory back.
func (g *Generator) Free() { g.group.Free() }

// wantLive panics where the generator has been freed.
func (g *Generator) wantLive(method string) {
	if g.group.freed {
		tensor.Panicf("pplm.Generator."+method, nil, "the generator has been freed")
	}
}

// Next chooses every sample's next token. What it returns is valid until the next
// call. After Samples it is an error; after an error it is that error again. It goes
// on beyond the request's Length.
func (g *Generator) Next(ctx context.Context) ([]Token, error) {
	g.wantLive("Next")
	switch {
	case g.failed != nil:
		return nil, g.failed
	case g.samples != nil:
		return nil, fmt.Errorf("generating token %d: the samples have been scored: there is no next token", g.text.index)
	}
	if err := g.group.advance(ctx, []*Text{g.text}); err != nil {
		g.text.end(err)
	}
	if g.failed = g.text.err; g.failed != nil {
		return nil, g.failed
	}
	return g.text.tokens, nil
}

// Samples are the texts so far, with their scores, for which the model reads their
// last tokens: the same slice each time. After it there is no Next. After an error,
// Next's or its own, it is that error again.
func (g *Generator) Samples(ctx context.Context) ([]Sample, error) {
	g.wantLive("Samples")
	if g.samples == nil && g.failed == nil {
		g.samples, g.failed = g.group.score(ctx, g.text)
	}
	return g.samples, g.failed
}
