package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// program is how this command is called.
const program = "go run ./pplm/evaluate"

// half is the -judge that splits bags.
const half = "half"

// promptSpan is how many samples a prompt may have: each prompt's are numbered
// from a multiple of it, so that their draws differ.
const promptSpan = 1 << 12

type settings struct {
	lm      models.Choice
	scoring string // the folder of the scorer

	promptFile           string
	length, samples      int
	methodList           string
	methods              []pplm.Method
	seed                 uint64
	quick                bool
	wanted               attributes.Wanted
	judge                string
	judgeHead, judgeText string

	steering attributes.Steering
	best     int

	out     string
	machine command.Backend
	flags   *command.Flags
}

// newSettings are the defaults, with their flags.
func newSettings() (*settings, error) {
	preset, err := pplm.FindPreset(models.Books)
	if err != nil {
		return nil, err
	}
	s := &settings{
		length: 40, samples: 3, methodList: "B;BR;BC;BCR", seed: 1,
		steering: attributes.Steering{Settings: preset.Settings, Horizon: 1, Distinct: preset.Distinct},
		best:     preset.Samples,
	}
	s.flags = s.newFlags()
	return s, nil
}

// defaultBags are steered towards where nothing is asked for.
var defaultBags = []string{"military", "religion", "science"}

func (s *settings) newFlags() *command.Flags {
	f := command.NewFlags(program,
		"Measures steering as the PPLM paper does: relevance, perplexity and variety of texts over prompts, attributes and the methods B (unsteered), BR (the best of several), BC (steered) and BCR (the best of several steered).",
		program+" -quick",
		program+` -B "military;religion;science" -judge half -out runs/eval`,
		program+" -model gpt2-medium -scorer gpt2-large -D sentiment=very_positive")
	g := s.lm.Flags(f)
	g.Add(&s.scoring, "scorer", "the `folder` of the language model that perplexity is under; none: the steered one, unsteered, which flatters what stays near it")
	s.wanted.Flags(f.Group("Attributes"), "are measured one by one, -D's too. Neither -B nor -D: "+strings.Join(defaultBags, ";"))
	g = f.Group("Judges")
	g.Add(&s.judge, "judge", "what counts as relevant besides the bag that steers. `half`: a drawn half of each bag steers, the other half judges. Else bags of words as in -B, one for each attribute, - for none")
	g.Add(&s.judgeHead, "judge_head", "discriminators that judge, `files` of heads for the language model or the scorer: one, or one for each attribute with ; between them; none: the ones that steer judge")
	g.Add(&s.judgeText, "judge_label", "the `classes` they look for, one for each attribute with ; between them; none: the attribute's name")
	g = f.Group("Texts")
	g.Add(&s.promptFile, "prompts", "a `file` with a prompt a line; none: fourteen neutral beginnings of sentences")
	g.Add(&s.samples, "num_samples", "texts for each prompt and method, all in one batch")
	g.Add(&s.length, "length", "new `tokens` of a text; fewer than 30 say little, more than 50 drift")
	g.Add(&s.methodList, "methods", "which of B;BR;BC;BCR; without B nothing is compared with it")
	g.Add(&s.best, "best_of", "of how many `texts` BR and BCR take the best; not given: as the preset says, 10 in the paper. The batch is num_samples times as large, and so is the memory it needs")
	s.steering.DistinctFlag(g)
	g.Add(&s.seed, "seed", "what the draws and the halves of bags follow from")
	g.Add(&s.quick, "quick", "two prompts, two samples of 12 tokens, the best of three: a look in seconds, no result. Other flags win over it")
	s.steering.Flags(f, "Here code and paper too: for each attribute -bow or -discrim, as it is a bag or a discriminator. Not given: "+models.Books+" for the model that is part of this program, which are the defaults below; else code")
	g = f.Group("Output")
	g.Add(&s.out, "out", "the `folder` for every text, the table and the plot as files; none: the table is printed and the rest is not kept")
	s.machine.Flags(f)
	return f
}

// complete checks what was given and fills in what follows from it.
func (s *settings) complete() (err error) {
	if err := s.wanted.Complete(s.flags); err != nil {
		return err
	}
	bags := &s.wanted.Bags
	if len(bags.Names)+len(s.wanted.Heads.Names) == 0 {
		bags.Names = defaultBags
	}
	if s.quick {
		s.hurry()
	}
	if s.methods, err = parseMethods(s.methodList); err != nil {
		return err
	}
	switch {
	case s.samples < 1 || s.length < 1 || s.best < 1:
		return fmt.Errorf("-num_samples %d, -length %d, -best_of %d: want 1 or more each", s.samples, s.length, s.best)
	case s.samples*s.best > promptSpan:
		return fmt.Errorf("%d samples of the best of %d are a batch of %d texts: want at most %d", s.samples, s.best, s.samples*s.best, promptSpan)
	case s.judgeText != "" && s.judgeHead == "":
		return errors.New("-judge_label belongs to -judge_head")
	case s.judge == half && len(bags.Names) == 0:
		return errors.New("-judge half splits bags of words: name some with -B")
	}
	return s.steering.Check()
}

// hurry makes the run tiny, but for what was given.
func (s *settings) hurry() {
	for name, set := range map[string]func(){
		"num_samples": func() { s.samples = 2 },
		"length":      func() { s.length = 12 },
		"best_of":     func() { s.best = 3 },
	} {
		if !s.flags.Given(name) {
			set()
		}
	}
}

func parseMethods(text string) ([]pplm.Method, error) {
	names, err := attributes.Split(text)
	if err != nil {
		return nil, fmt.Errorf("-methods: %w", err)
	}
	var methods []pplm.Method
	for _, m := range pplm.Methods() { // in the paper's order
		if slices.Contains(names, m.Name) {
			methods = append(methods, m)
		}
	}
	for i, name := range names {
		if _, err := pplm.FindMethod(name); err != nil {
			return nil, fmt.Errorf("-methods: %w", err)
		}
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("-methods: %s comes twice", name)
		}
	}
	if len(methods) == 0 {
		return nil, errors.New("-methods: name one at least of B;BR;BC;BCR")
	}
	return methods, nil
}

// findPreset is the preset for bags ("bow") or for discriminators ("discrim").
func (s *settings) findPreset(kind string) (pplm.Preset, error) {
	name := s.steering.Preset
	switch {
	case name == "" && s.lm.Dir == "":
		name = models.Books
	case name == "":
		name = "code-" + kind
	case name == "code" || name == "paper":
		name += "-" + kind
	}
	p, err := pplm.FindPreset(name)
	if err != nil {
		return p, fmt.Errorf("-preset: %w, and code and paper for the kind of each attribute", err)
	}
	p = s.steering.For(s.flags, p)
	p.Settings.Sample = true
	if s.flags.Given("best_of") || s.quick {
		p.Samples = s.best
	}
	return p, p.Settings.Check()
}

// list splits one of the lists that have a name for each of n attributes.
func list(flag, text string, n int) ([]string, error) {
	names, err := attributes.Split(text)
	if err != nil {
		return nil, fmt.Errorf("-%s: %w", flag, err)
	}
	if len(names) > 0 && len(names) != n {
		return nil, fmt.Errorf("-%s %q: want one for each of %d attributes, with ; between them, found %s", flag, text, n, strings.Join(names, ", "))
	}
	return names, nil
}
