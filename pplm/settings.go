package pplm

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Settings say how far and how a text is steered, and how tokens are drawn. The
// names in brackets are the reference program's flags and the paper's symbols.
type Settings struct {
	StepSize   float64 // of a move [stepsize, alpha]
	Iterations int     // moves for each token [num_iterations, m]; 0: the text is not steered
	Gamma      float64 // power of the gradient's norm that a move is divided by [gamma]
	KLScale    float64 // weight of the divergence from the unsteered distribution [kl_scale, lambda_KL]
	GMScale    float64 // share of the steered distribution in the geometric mean [gm_scale, gamma_gm]
	Window     int     // how many positions of the past move; 0: all [window_length]
	Newest     bool    // the window is the newest positions, as the paper says; else the oldest, as the reference does
	Decay      bool    // moves within the window grow from 1/Window at its oldest position to 1 [decay]
	GradLength int     // tokens that are steered; 0: all [grad_length]
	Norm       Norm

	Sample      bool    // draw tokens; else the likeliest is taken [sample]
	Temperature float64 // divides the logits, the steered ones alone where both are mixed [temperature]
	TopK        int     // only the k likeliest tokens, and those equal to the last of them; 0: all [top_k]
	TopP        float64 // of these only the likeliest that together have this share of the probability, and those equal to the last of them; 0 and 1: all
	Repetition  float64 // logits of tokens that a text has are divided by it, or multiplied where negative; 1: not
}

// Norm says which norm of a layer's gradient a move is divided by.
type Norm uint8

// The norms. The reference takes the running maximum where all attributes are bags
// of words, and else the fresh norm.
const (
	ReferenceNorm Norm = iota
	FreshNorm          // of this iteration
	RunningNorm        // the largest in all iterations of a text so far
)

// Default are the reference program's defaults.
func Default() Settings {
	return Settings{
		StepSize: 0.02, Iterations: 3, Gamma: 1.5, KLScale: 0.01, GMScale: 0.9,
		Temperature: 1, TopK: 10, Repetition: 1,
	}
}

// Preset are settings under a name, with those of reranking that belong to them.
type Preset struct {
	Name     string
	Settings Settings
	Samples  int     // of which the best is taken [r]
	Distinct float64 // least mean of dist-1, dist-2 and dist-3 [tau]
}

// Presets are the settings known by name: those of the paper's appendix (its table
// of hyperparameters; the window of 5 newest positions from its section on
// finite-horizon updates), for the paper's own language model and heads, and those
// that the reference program's README gives for that program, whose steps are
// larger; and books, for the embedded model of pplm/books, which smaller steps
// hardly move, and which repeats itself more than a GPT-2.
func Presets() []Preset {
	set := func(step float64, iterations int, gamma, gm float64, window int, newest bool) Settings {
		s := Default()
		s.StepSize, s.Iterations, s.Gamma, s.GMScale = step, iterations, gamma, gm
		s.Window, s.Newest, s.Sample = window, newest, true
		return s
	}
	return []Preset{
		{"paper-bow", set(0.01, 3, 1.5, 0.9, 5, true), 10, 0.85},
		{"paper-religion", set(0.01, 3, 1.5, 0.8, 5, true), 10, 0.85},
		{"paper-discrim", set(0.03, 10, 1, 0.95, 0, false), 10, 0.9},
		{"paper-detox", set(0.02, 10, 1, 0.9, 0, false), 1, 0},
		{"code-bow", set(0.03, 3, 1.5, 0.99, 5, false), 10, 0.9},
		{"code-discrim", set(0.04, 10, 1, 0.95, 0, false), 10, 0.9},
		{"books", set(0.06, 3, 1.5, 0.95, 0, false), 10, 0.8},
	}
}

// FindPreset finds settings by name.
func FindPreset(name string) (Preset, error) {
	presets := Presets()
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i >= 0 {
		return presets[i], nil
	}
	names := make([]string, len(presets))
	for j, p := range presets {
		names[j] = p.Name
	}
	return Preset{}, fmt.Errorf("no settings named %q: there are %s", name, strings.Join(names, ", "))
}

// Check tells what is wrong with settings.
func (s Settings) Check() error {
	notNegative := []struct {
		name  string
		value float64
	}{
		{"step size", s.StepSize}, {"number of iterations", float64(s.Iterations)}, {"gamma", s.Gamma},
		{"KL scale", s.KLScale}, {"window length", float64(s.Window)}, {"grad length", float64(s.GradLength)},
		{"top_k", float64(s.TopK)},
	}
	for _, v := range notNegative {
		if !(v.value >= 0) || math.IsInf(v.value, 1) {
			return fmt.Errorf("the %s is %v: want 0 or more", v.name, v.value)
		}
	}
	for name, v := range map[string]float64{"temperature": s.Temperature, "repetition penalty": s.Repetition} {
		if !(v > 0) || math.IsInf(v, 1) {
			return fmt.Errorf("the %s is %v: want more than 0", name, v)
		}
	}
	switch {
	case !(s.GMScale >= 0 && s.GMScale <= 1):
		return fmt.Errorf("the geometric mean's scale is %v: want 0 to 1", s.GMScale)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("top_p is %v: want 0 to 1", s.TopP)
	case s.Decay && s.Window == 0:
		return fmt.Errorf("decay over a window of length 0: it needs a window")
	case s.Norm > RunningNorm:
		return fmt.Errorf("norm %d: there are %d to %d", s.Norm, ReferenceNorm, RunningNorm)
	}
	return nil
}

// window is the span [from, to) of rows that move, and whether it is part of them
// alone, as decay wants it.
func (s Settings) window(rows int) (from, to int, cut bool) {
	switch {
	case s.Window == 0 || rows <= s.Window:
		return 0, rows, false
	case s.Newest:
		return rows - s.Window, rows, true
	}
	return 0, s.Window, true
}

// steering are the settings without those of drawing.
func (s Settings) steering() Settings {
	s.Sample, s.Temperature, s.TopK, s.TopP, s.Repetition = false, 0, 0, 0, 0
	return s
}
