package engine

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// group are the requests of one key.
type group struct {
	key      string
	request  *Request    // one of them, for what they have in common
	bags     []*weighing // of its attributes, nil for a head
	texts    *pplm.Group // nil until the bags are weighed
	streams  []*Stream   // at work
	newcomer []*Stream   // to be added to texts
	took     time.Duration
}

// turn lets a group advance. It returns false where nothing is left of it.
func (e *Engine) turn(ctx context.Context, g *group) bool {
	begun := time.Now()
	e.sweep(g)
	if len(g.streams)+len(g.newcomer) == 0 {
		g.free()
		return false
	}
	count, err := e.advance(ctx, g)
	g.took = time.Since(begun)
	if err != nil {
		if ctx.Err() != nil {
			err = ErrClosed
		}
		e.fail(g, err)
		return false
	}
	if count > 0 && e.observe != nil {
		e.observe(Round{Tokens: count, Steered: g.request.steered(), Time: g.took})
	}
	e.settle(g)
	return true
}

// sweep drops the streams that nobody waits for.
func (e *Engine) sweep(g *group) {
	gone := func(s *Stream) bool {
		if !s.over() {
			return false
		}
		e.dismiss(g, s, context.Canceled)
		return true
	}
	g.streams = slices.DeleteFunc(g.streams, gone)
	g.newcomer = slices.DeleteFunc(g.newcomer, gone)
}

// dismiss frees what a stream has and its place.
func (e *Engine) dismiss(g *group, s *Stream, why error) {
	if s.text != nil {
		g.texts.Remove(s.text)
		s.text = nil
	}
	e.finish(s)
	s.end(why)
}

// fail ends all streams of a group, and the group.
func (e *Engine) fail(g *group, err error) {
	for _, s := range slices.Concat(g.streams, g.newcomer) {
		s.text = nil
		e.finish(s)
		s.end(err)
	}
	g.free()
}

// free gives the group's memory back. It is not the place to fail where the model
// has.
func (g *group) free() {
	var err error
	defer caught(&err)
	defer tensor.Catch(&err)
	if g.texts != nil {
		g.texts.Free()
	}
	g.texts = nil
}

// advance weighs words, or makes a token of each text. It returns how many tokens
// there are.
func (e *Engine) advance(ctx context.Context, g *group) (count int, err error) {
	defer caught(&err)
	defer tensor.Catch(&err)
	for _, w := range g.bags {
		if w != nil && !w.done() {
			return 0, w.step(ctx, e.lm, e.begin)
		}
	}
	if err := e.join(g); err != nil {
		return 0, err
	}
	if len(g.streams) == 0 {
		return 0, nil
	}
	if err := g.texts.Next(ctx); err != nil {
		return 0, err
	}
	for _, s := range g.streams {
		count += s.take(s.text.Tokens())
	}
	return count, nil
}

// settle drops the streams whose texts have ended.
func (e *Engine) settle(g *group) {
	g.streams = slices.DeleteFunc(g.streams, func(s *Stream) bool {
		err := s.text.Err()
		if err != nil { // its own loss is no number, with a step that is too large
			err = &InvalidError{err}
		}
		if err == nil && !s.ended() {
			return false
		}
		e.dismiss(g, s, cmp.Or(err, io.EOF))
		return true
	})
}

// join adds the newcomers to the group's texts.
func (e *Engine) join(g *group) error {
	if g.texts == nil {
		var attributes []pplm.Attribute
		for i, w := range g.bags {
			var bag *pplm.Bag
			if w != nil {
				bag = w.bag
			}
			attributes = append(attributes, g.request.Attributes[i].attribute(bag))
		}
		texts, err := pplm.NewGroup(e.lm, attributes, g.request.steering())
		if err != nil {
			return &InvalidError{err}
		}
		g.texts = texts
	}
	for _, s := range g.newcomer {
		r := s.request
		text, err := g.texts.Add(pplm.Request{
			Prompt: r.Prompt, Length: r.Length, Samples: r.Samples, Seed: r.Seed, Settings: e.drawing(r),
		})
		if err != nil {
			e.finish(s)
			s.end(&InvalidError{err})
			continue
		}
		s.text = text
		g.streams = append(g.streams, s)
	}
	g.newcomer = nil
	return nil
}

// drawing are a group's settings with those that are a text's own.
func (e *Engine) drawing(r *Request) pplm.Settings {
	s, own := r.steering(), r.Settings
	s.Sample, s.Temperature, s.TopK, s.TopP, s.Repetition = own.Sample, own.Temperature, own.TopK, own.TopP, own.Repetition
	return s
}
