package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// side is a batch of samples that are made the same way.
type side struct {
	title   string
	names   []string // of the attributes
	steered bool
	request pplm.Request
	texts   []*text
	tokens  [][]pplm.Token // by sample
	samples []pplm.Sample  // nil until all is generated
}

func (s *settings) newSide(m *models.Model, r pplm.Request, wanted []*attributes.Attribute, steered bool) *side {
	out := &side{title: "unsteered", steered: steered, request: r, tokens: make([][]pplm.Token, s.samples)}
	for _, a := range wanted {
		out.names = append(out.names, a.Title)
		out.request.Attributes = append(out.request.Attributes, a.Attribute)
	}
	if steered {
		out.title = strings.Join(out.names, " + ")
	} else {
		out.request.Settings.Iterations = 0
	}
	bags := newFinder(wanted)
	for range s.samples {
		out.texts = append(out.texts, newText(s.prompt, m.Decoder(), bags))
	}
	return out
}

// add takes the next token of each sample.
func (s *side) add(tokens []pplm.Token) {
	for i, t := range tokens {
		t.Distribution = nil // which is the generator's
		s.tokens[i] = append(s.tokens[i], t)
		s.texts[i].add(t.ID)
	}
}

// begun tells whether there is any text: what was asked for, if it was only that.
func (s *side) begun() bool { return len(s.tokens[0]) > 0 || s.samples != nil }

// printer generates texts and prints them.
type printer struct {
	*settings
	flags          *command.Flags
	sides          []*side
	stdout, stderr io.Writer
	live           bool     // the first sample is printed as it grows
	counts         bool     // stderr says how many tokens there are
	view           *columns // nil where there are none
}

func (p *printer) run(ctx context.Context, m *models.Model) error {
	if p.live && p.view == nil {
		return p.runStream(ctx, m)
	}
	err := p.generate(ctx, m, p.sides, p.grow)
	if err != nil && !p.stopped(ctx, err) {
		if p.live && len(p.sides[0].tokens[0]) > 0 {
			return errors.Join(err, p.view.end(p.column(0)))
		}
		return err
	}
	switch {
	case p.json:
		return p.printJSON()
	case p.view != nil:
		return p.printColumns()
	}
	return p.printTexts(&stream{w: p.stdout, colour: p.colour}, 0)
}

// stopped tells whether generation ended with err because ctx did, and what there
// is may be printed all the same.
func (p *printer) stopped(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err()) && !p.json && !p.chosen.Ranked && len(p.sides[0].tokens[0]) > 0
}

// generate makes the texts of sides, which grown hears of after each of their tokens,
// counted from 1.
func (p *printer) generate(ctx context.Context, m *models.Model, sides []*side, grown func(n int) error) error {
	defer p.end(sides)
	var generators []*pplm.Generator
	for _, s := range sides {
		g, err := pplm.NewGenerator(ctx, m, s.request)
		if err != nil {
			return err
		}
		defer g.Free()
		generators = append(generators, g)
	}
	for n := range p.length {
		for i, g := range generators {
			tokens, err := g.Next(ctx)
			if err != nil {
				return err
			}
			sides[i].add(tokens)
		}
		if p.counts {
			fmt.Fprintf(p.stderr, clearLine+"%d of %d tokens", n+1, p.length)
		}
		if err := grown(n + 1); err != nil {
			return err
		}
	}
	for i, g := range generators {
		samples, err := g.Samples(ctx)
		if err != nil {
			return err
		}
		sides[i].samples = samples
	}
	return nil
}

// end ends the texts of sides.
func (p *printer) end(sides []*side) {
	if p.counts {
		fmt.Fprint(p.stderr, clearLine)
	}
	for _, s := range sides {
		for _, x := range s.texts {
			x.end()
		}
	}
}

// grow prints the first sample's columns after the n-th token, where they are live.
func (p *printer) grow(n int) error {
	if !p.live {
		return nil
	}
	if n == 1 {
		if err := p.head(0); err != nil {
			return err
		}
	}
	return p.view.grow(p.column(0))
}

// column are the i-th texts of all sides.
func (p *printer) column(i int) []*text {
	var texts []*text
	for _, s := range p.sides {
		texts = append(texts, s.texts[i])
	}
	return texts
}

// head prints what stands above the i-th sample's columns.
func (p *printer) head(i int) error {
	var titles, rules []string
	for _, s := range p.sides {
		title := s.title
		if p.samples > 1 {
			title += fmt.Sprintf(", sample %d", i+1)
		}
		titles, rules = append(titles, title), append(rules, strings.Repeat("-", p.view.width))
	}
	return errors.Join(p.view.plain(titles), p.view.plain(rules))
}

func (p *printer) printColumns() error {
	for n, i := range p.shown() {
		if n > 0 {
			if _, err := fmt.Fprintln(p.stdout); err != nil {
				return err
			}
		}
		if !p.live || n > 0 || p.length == 0 {
			if err := p.head(i); err != nil {
				return err
			}
		}
		if err := p.view.end(p.column(i)); err != nil {
			return err
		}
		var notes []string
		for _, s := range p.sides {
			notes = append(notes, p.note(s, i))
		}
		if err := p.view.plain(notes); err != nil {
			return err
		}
	}
	return nil
}

// note says how far a text has what is wanted, empty where that is not known.
func (p *printer) note(s *side, i int) string {
	var parts []string
	if s.samples != nil && len(s.names) > 0 && (s.steered || !p.each || len(s.names) == 1) {
		parts = append(parts, fmt.Sprintf("log p %.2f", s.samples[i].Score))
	}
	if n := len(s.texts[i].words); s.texts[i].bags.tokens > 0 {
		word := "words"
		if n == 1 {
			word = "word"
		}
		parts = append(parts, fmt.Sprintf("%d bag %s", n, word))
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// shown are the numbers of the samples to print: all, or the best of the steered
// ones, or of all where none is steered.
func (p *printer) shown() []int {
	if p.chosen.Ranked {
		last := p.sides[len(p.sides)-1]
		return []int{p.chosen.Pick(last.samples, p.steering.Distinct)}
	}
	return slices.Collect(func(yield func(int) bool) {
		for i := range p.samples {
			if !yield(i) {
				return
			}
		}
	})
}
