package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// program is how this command is called.
const program = "go run ./pplm/generate"

type settings struct {
	lm     models.Choice
	wanted attributes.Wanted
	each   bool

	prompt       string
	uncond       bool
	length       int
	samples      int
	seed         uint64
	slide        bool
	steering     attributes.Steering
	method       string
	chosen       pplm.Method
	rerank       bool
	compare      bool
	json, colour bool
	columns      int
	machine      command.Backend
}

// defaults are the reference program's.
func defaults() settings {
	return settings{
		prompt: "The lake", length: 100, samples: 1, compare: true,
		steering: attributes.Steering{Settings: pplm.Default(), Horizon: 1},
	}
}

// demonstration is what is done where nothing is asked for.
func demonstration() settings {
	s := defaults()
	s.wanted.Bags.Names, s.each = []string{"military", "space"}, true
	s.prompt, s.length, s.columns = "The captain", 60, 96
	return s
}

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program,
		"Writes text that is steered by bags of words and discriminators, beside the unsteered text of the same seed. With no flags it steers a small model of its own towards two topics.",
		program,
		program+` -B space -cond_text "The captain"`,
		program+` -D topics=science -cond_text "The captain"`,
		program+` -model gpt2-medium -B military -cond_text "The potato" -length 50 -gamma 1.5 -num_iterations 3 -num_samples 10 -stepsize 0.03 -window_length 5 -kl_scale 0.01 -gm_scale 0.99 -sample`,
		program+` -model gpt2-medium -D sentiment=very_positive -B '!politics:0.5' -cond_text "The food" -preset code-discrim`)
	s.lm.Flags(f)
	g := f.Group("Attributes")
	s.wanted.Flags(g, "add up, with -D's too")
	g.Add(&s.each, "each", "steers by each attribute alone, in texts of their own, instead of by all together")
	s.textFlags(f.Group("Text"))
	s.steering.Flags(f, "Not given: "+models.Books+" for the model that is part of this program, with one sample; else the reference program's defaults, as they stand here")
	g = f.Group("Ranking")
	g.Add(&s.method, "method", "`B, BR, BC or BCR`: unsteered or steered (C), all samples or the best of them (R), as the paper names them; none: BC")
	g.Add(&s.rerank, "rerank", "shows the best sample alone: that with the attributes' highest likelihood")
	s.steering.DistinctFlag(g)
	g = f.Group("Output")
	g.Add(&s.compare, "compare", "writes the unsteered text beside the steered one")
	g.Add(&s.json, "json", "an object a line for programs: the flags, then the samples, with every token's probability p, in the steered and in the plain model, and the divergence of both. It comes when all samples are made, or not at all")
	g.Add(&s.colour, "colorama", "bag words in colour; not given: on a terminal, unless NO_COLOR is set")
	g.Add(&s.columns, "columns", "the `width` of side-by-side text; 0: that of the terminal, or else one text below another, token by token")
	s.machine.Flags(f)
	return f
}

func (s *settings) textFlags(g *command.Group) {
	g.Add(&s.prompt, "cond_text", "the `text` to go on from")
	g.Add(&s.uncond, "uncond", "begins with the model's token between texts instead")
	g.Add(&s.length, "length", "`tokens` to write")
	g.Add(&s.samples, "num_samples", "texts to write, in one batch")
	g.Add(&s.steering.Settings.Sample, "sample", "draws the tokens, as all presets do; else the likeliest is taken each time")
	g.Add(&s.seed, "seed", "same seed, same text; the unsteered text is drawn with the same numbers")
	g.Add(&s.slide, "slide", "past the model's positions, goes on from the newest half of them; else that is an error")
}

// parse reads the flags. What they leave out comes from the preset they name or
// that belongs to the embedded model, or from the demonstration where they say
// neither what to write nor by which model.
func parse(args []string, stdout io.Writer) (*settings, *command.Flags, error) {
	first := defaults()
	f := first.flags()
	if err := f.Parse(args, stdout); err != nil {
		return nil, nil, err
	}
	s := defaults()
	if !slices.ContainsFunc([]string{"model", "B", "D", "cond_text", "uncond"}, f.Given) {
		s = demonstration()
	}
	if err := s.preset(first.steering.Preset, first.lm.Dir); err != nil {
		return nil, nil, command.Usagef("-preset: %w", err)
	}
	f = s.flags()
	if err := f.Parse(args, stdout); err != nil {
		return nil, nil, err
	}
	if err := s.check(f); err != nil {
		return nil, nil, command.Usagef("%w", err)
	}
	return &s, f, nil
}

// preset makes a preset's settings the defaults. One that is not named does not say
// how many samples.
func (s *settings) preset(name, model string) error {
	named := name != ""
	switch {
	case !named && model != "":
		return nil
	case !named:
		name = models.Books
	}
	p, err := pplm.FindPreset(name)
	if err != nil {
		return err
	}
	s.steering.Settings, s.steering.Distinct = p.Settings, p.Distinct
	if named {
		s.samples = p.Samples
	}
	return nil
}

func (s *settings) check(f *command.Flags) error {
	if err := s.wanted.Complete(f); err != nil {
		return err
	}
	if err := s.checkMethod(); err != nil {
		return err
	}
	switch {
	case s.length < 0 || s.samples < 1:
		return fmt.Errorf("-num_samples %d and -length %d: want at least 1 and 0", s.samples, s.length)
	case s.samples > 1 && !s.steering.Settings.Sample:
		return fmt.Errorf("-num_samples %d of the likeliest tokens would all be the same: draw them with -sample", s.samples)
	case s.each && s.chosen.Ranked:
		return errors.New("-each makes a text for each attribute, and a rank is by one: leave out -each, or rank in runs of their own")
	case s.columns < 0:
		return fmt.Errorf("-columns is %d: want 0 or more", s.columns)
	case s.uncond && f.Given("cond_text"):
		return errors.New("-uncond begins without a prompt: leave out one of it and -cond_text")
	}
	if err := s.steering.Check(); err != nil {
		return err
	}
	return s.steering.Settings.Check()
}

func (s *settings) checkMethod() error {
	name, attributes := s.method, len(s.wanted.Bags.Names)+len(s.wanted.Heads.Names)
	if name == "" {
		name = "BC"
	}
	var err error
	if s.chosen, err = pplm.FindMethod(name); err != nil {
		return fmt.Errorf("-method: %w", err)
	}
	s.chosen.Ranked = s.chosen.Ranked || s.rerank
	switch {
	case attributes == 0 && (s.chosen.Ranked || s.chosen.Steered && s.method != ""):
		return errors.New("nothing to steer or rank by: name a bag of words with -B or a head with -D")
	case s.chosen.Ranked && s.samples < 2:
		return errors.New("the best of one sample: ask for more with -num_samples")
	}
	return nil
}
