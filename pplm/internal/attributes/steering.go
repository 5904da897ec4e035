package attributes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
)

// Steering are the flags that say how far a text is steered and how its tokens are
// drawn, by the reference program's names.
type Steering struct {
	Preset   string
	Settings pplm.Settings // the flags' values; For mixes them with a preset's
	Horizon  int           // of discriminators
	Distinct float64       // least variety of a text that is the best
}

// field is a flag of settings and where its value lies.
type field struct {
	name, reason string
	at           func(s *pplm.Settings) any
}

// steers and draws are the flags of settings, in groups.
var (
	steers = []field{
		{"stepsize", "the step `size` of a move of what the model remembers: larger is more of the attribute, and less fluent", func(s *pplm.Settings) any { return &s.StepSize }},
		{"num_iterations", "moves for each token; time grows with them", func(s *pplm.Settings) any { return &s.Iterations }},
		{"gamma", "`power` of the gradient's norm that a move is divided by", func(s *pplm.Settings) any { return &s.Gamma }},
		{"window_length", "how many `positions` of the past move; 0: all", func(s *pplm.Settings) any { return &s.Window }},
		{"newest", "the window is the newest positions, as the paper says, and not the oldest, as in the reference program", func(s *pplm.Settings) any { return &s.Newest }},
		{"decay", "moves within the window grow from its oldest position to its newest", func(s *pplm.Settings) any { return &s.Decay }},
		{"grad_length", "`tokens` that are steered; 0: all", func(s *pplm.Settings) any { return &s.GradLength }},
		{"kl_scale", "`weight` of the divergence from the unsteered distribution: larger is nearer to it", func(s *pplm.Settings) any { return &s.KLScale }},
		{"gm_scale", "`share` of the steered distribution in the mixture that tokens are drawn from, 0 to 1", func(s *pplm.Settings) any { return &s.GMScale }},
	}
	draws = []field{
		{"temperature", "divides the logits: below 1 is more predictable", func(s *pplm.Settings) any { return &s.Temperature }},
		{"top_k", "draws from the `k` likeliest tokens alone; 0: from all", func(s *pplm.Settings) any { return &s.TopK }},
		{"top_p", "draws of these from the likeliest alone that together have this `share` of the probability; 0: from all", func(s *pplm.Settings) any { return &s.TopP }},
		{"repetition_penalty", "divides the logits of tokens that a text has already; 1: not", func(s *pplm.Settings) any { return &s.Repetition }},
	}
)

// Flags adds the flags in groups, and -horizon_length. Defaults are the values they
// have. presets says which presets there are besides, and which is taken where none
// is named.
func (s *Steering) Flags(f *command.Flags, presets string) {
	var names []string
	for _, p := range pplm.Presets() {
		names = append(names, p.Name)
	}
	g := f.Group("Steering")
	g.Add(&s.Preset, "preset", "settings by `name`, over which other flags win: "+strings.Join(names, ", ")+". Those of the paper are for its own program; those of the code, for the reference program and this one, take larger steps. "+presets)
	s.add(g, steers)
	g.Add(&s.Horizon, "horizon_length", "`steps` that a discriminator looks ahead")
	s.add(f.Group("Drawing"), draws)
}

// DistinctFlag adds -distinct to the flags of ranking.
func (s *Steering) DistinctFlag(g *command.Group) {
	g.Add(&s.Distinct, "distinct", "the best text's least `mean` of dist-1, dist-2 and dist-3, against texts that repeat themselves, unless all do; tau in the paper, 0.85 to 0.9 there. Not given: as the preset says")
}

// Check tells what is wrong with flags that are no settings.
func (s *Steering) Check() error {
	switch {
	case s.Horizon < 1:
		return fmt.Errorf("-horizon_length is %d: want 1 or more", s.Horizon)
	case !(s.Distinct >= 0 && s.Distinct <= 1):
		return fmt.Errorf("-distinct is %v: want 0 to 1", s.Distinct)
	}
	return nil
}

func (s *Steering) add(g *command.Group, fields []field) {
	for _, x := range fields {
		g.Add(x.at(&s.Settings), x.name, x.reason)
	}
}

// For is a preset with those settings that were given; the flags of f have been
// parsed.
func (s *Steering) For(f *command.Flags, preset pplm.Preset) pplm.Preset {
	for _, x := range slices.Concat(steers, draws) {
		if f.Given(x.name) {
			set(x.at(&preset.Settings), x.at(&s.Settings))
		}
	}
	if f.Given("distinct") {
		preset.Distinct = s.Distinct
	}
	return preset
}

// Left are the names of the flags that were not given and that a preset decides.
func (s *Steering) Left(f *command.Flags) []string {
	var left []string
	for _, x := range slices.Concat(steers, draws, []field{{name: "distinct"}}) {
		if !f.Given(x.name) {
			left = append(left, x.name)
		}
	}
	return left
}

func set(to, from any) {
	switch to := to.(type) {
	case *float64:
		*to = *from.(*float64)
	case *int:
		*to = *from.(*int)
	case *bool:
		*to = *from.(*bool)
	}
}
