package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// target is an attribute to steer towards, and what judges texts by it.
type target struct {
	name      string
	spec      attributes.Spec
	attribute pplm.Attribute
	preset    pplm.Preset
	size      int    // its parameters
	what      string // it is, for people

	read   *judge   // the discriminator that steers; nil for a bag
	steers *counter // the words that steer; nil for a discriminator
	judges *counter // other words that judge, or nil
	class  *judge   // a discriminator that judges, or nil
}

// judge is a class of a head, and the language model whose states it reads.
type judge struct {
	model *models.Model
	head  *head.Head
	class int
}

// makeTargets opens the attributes: bags of words, then discriminators.
func (e *evaluation) makeTargets(ctx context.Context, stderr io.Writer) error {
	var rest []*counter // of each bag, the words that judge
	var take func(id string, words []string) ([]string, error)
	if e.judge == half {
		take = func(id string, words []string) ([]string, error) {
			drawn, left, err := halves(id, words, e.seed)
			rest = append(rest, newCounter(left))
			return drawn, err
		}
	}
	opened, err := e.wanted.Open(ctx, e.model, e.steering.Horizon, take, stderr)
	if err != nil {
		return err
	}
	for _, a := range opened {
		t := e.newTarget(a)
		if slices.ContainsFunc(e.targets, func(x *target) bool { return x.name == t.name }) {
			return fmt.Errorf("the attribute %s comes twice", t.name)
		}
		kind := "discrim"
		if a.Bag != nil {
			kind = "bow"
		}
		if t.preset, err = e.findPreset(kind); err != nil {
			return err
		}
		e.targets = append(e.targets, t)
	}
	for i, words := range rest {
		e.targets[i].judges = words
	}
	if err := e.addJudgeBags(); err != nil {
		return err
	}
	return e.addJudgeHeads(stderr)
}

func (e *evaluation) newTarget(a *attributes.Attribute) *target {
	t := &target{name: a.Title, spec: a.Spec, attribute: a.Attribute}
	if d := a.Head; d != nil {
		t.read = &judge{e.model, d.Head, d.Class}
		t.class = t.read
		t.size, t.what = len(d.Head.Weight)+len(d.Head.Bias), fmt.Sprintf("a discriminator of %d classes", len(d.Head.Classes))
		return t
	}
	var kept []string
	for _, w := range a.Bag.Words {
		kept = append(kept, w.Text)
		t.size += len(w.Tokens)
	}
	t.steers = newCounter(kept)
	t.what = fmt.Sprintf("a bag of %d words", t.steers.entries)
	return t
}

// logP is log p(a|x) of a text by a discriminator that steers, of its mean hidden
// state.
func (t *target) logP(hidden []float64) float64 {
	l := t.read.head.LogProbs(hidden)[t.read.class]
	if t.spec.Not {
		l = math.Log1p(-(1 - 1e-6) * math.Exp(l)) // as pplm.Not
	}
	return t.spec.Weight * l
}

func (e *evaluation) addJudgeBags() error {
	if e.judge == half {
		return nil
	}
	names, err := list("judge", e.judge, len(e.targets))
	if err != nil {
		return err
	}
	for i, name := range names {
		if name == "-" {
			continue
		}
		_, words, err := attributes.Words(name)
		if err != nil {
			return err
		}
		e.targets[i].judges = newCounter(words)
	}
	return nil
}

func (e *evaluation) addJudgeHeads(stderr io.Writer) error {
	paths, err := attributes.Split(e.judgeHead)
	if err != nil || len(paths) == 0 {
		return err
	}
	if len(paths) == 1 {
		paths = slices.Repeat(paths, len(e.targets))
	}
	if len(paths) != len(e.targets) {
		return fmt.Errorf("-judge_head %q: want one, or one for each of %d attributes", e.judgeHead, len(e.targets))
	}
	labels, err := list("judge_label", e.judgeText, len(e.targets))
	if err != nil {
		return err
	}
	for i, t := range e.targets {
		label := attributes.Base(t.spec.Name)
		switch {
		case labels != nil:
			label = labels[i]
		case t.read != nil:
			label = t.read.head.Classes[t.read.class]
		}
		if t.class, err = e.openJudge(paths[i], label); err != nil {
			return err
		}
		if slices.Index(paths, paths[i]) == i {
			attributes.Warn(stderr, t.class.head, "-judge_head "+paths[i], t.class.model)
		}
	}
	return nil
}

// openJudge reads a head for the language model or else the scorer.
func (e *evaluation) openJudge(path, label string) (*judge, error) {
	h, class, err := attributes.Head(path, label)
	if err != nil {
		return nil, err
	}
	unfit := attributes.Fits(h, path, e.model)
	if unfit == nil {
		return &judge{e.model, h, class}, nil
	}
	if attributes.Fits(h, path, e.scorer) == nil {
		return &judge{e.scorer, h, class}, nil
	}
	return nil, unfit
}

// describe says what a target is and by what it is judged.
func (t *target) describe(parameters int) string {
	s := fmt.Sprintf("%s: %s", t.name, t.what)
	if t.judges != nil {
		s += fmt.Sprintf(", %d words judge", t.judges.entries)
		if t.steers != nil {
			if n := t.judges.common(t.steers); n > 0 {
				s += fmt.Sprintf(" (%d of them steer too)", n)
			}
		}
	}
	if t.class != nil {
		s += fmt.Sprintf(", the probability of %s judges", t.class.head.Classes[t.class.class])
	}
	how := t.preset.Settings
	return s + fmt.Sprintf("; %d parameters, 1 to %.0f; stepsize %v, %d iterations, gamma %v, gm_scale %v, kl_scale %v, window %d",
		t.size, float64(parameters)/float64(t.size), how.StepSize, how.Iterations, how.Gamma, how.GMScale, how.KLScale, how.Window)
}
