package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tiller-ml/tiller/sharnn"
)

// evaluationEvery is the number of steps between evaluations, 0 while it is not
// known.
func (t *trainer) evaluationEvery() int {
	if t.evalInterval == 0 && t.total > 0 {
		return evaluationsEvery(t.total, 10)
	}
	return t.evalInterval
}

// evaluationDue tells whether the step just made is to be evaluated and is not
// yet. A run that is resumed at such a step evaluates it first.
func (t *trainer) evaluationDue() bool {
	every := t.evaluationEvery()
	due := t.total > 0 && t.Step >= t.total || every > 0 && t.Step%every == 0 || t.Step == t.firstPass
	return due && t.Step > t.Evaluated
}

// evaluate measures the model on the validation part, keeps it if it is the
// best, and saves.
func (t *trainer) evaluate(ctx context.Context) error {
	start := time.Now()
	nats, err := t.measure(ctx, t.judged(), t.valid)
	if err != nil {
		return err
	}
	if !finite(nats) {
		return fmt.Errorf("step %d: the validation loss is %v; the last good checkpoint is %s, of step %d", t.Step, nats, t.saveDir(t.saves), t.savedAt)
	}
	t.clock.evaluation = time.Since(start).Seconds()
	t.Evaluated = t.Step
	t.Stale++
	best := t.Best == nil || nats < t.Best.Loss
	if best {
		if err := t.saveBest(nats); err != nil {
			return err
		}
	}
	if err := t.logEvaluation("valid", t.Step, nats, best); err != nil {
		return err
	}
	if err := t.showSample(ctx); err != nil {
		return err
	}
	t.drawNowAndThen()
	return t.save()
}

// evaluateEarly evaluates where time ends a run.
func (t *trainer) evaluateEarly(ctx context.Context) error {
	if t.Step == t.Evaluated && t.Best != nil {
		return nil
	}
	return t.evaluate(ctx)
}

func (t *trainer) testBest(ctx context.Context, best *sharnn.Model) error {
	nats, err := t.measure(ctx, best, t.test)
	if err != nil {
		return err
	}
	return t.logEvaluation("test", t.Best.Step, nats, false)
}

// measure is the mean loss of a model on a part, in nats per byte.
func (t *trainer) measure(ctx context.Context, m *sharnn.Model, p part) (float64, error) {
	result, err := sharnn.EvaluateText(ctx, m, p.ids, sharnn.Evaluation{Batch: t.evalBatch, BPTT: t.bptt})
	return result.Nats * p.perByte, err
}

// showSample prints text that the model writes after a newline.
func (t *trainer) showSample(ctx context.Context) error {
	if t.sample == 0 {
		return nil
	}
	prompt, err := sharnn.Prompt(t.vocab, nil)
	if err != nil {
		return err
	}
	sampler, err := sharnn.NewSampler(t.judged(), t.sampling())
	if err != nil {
		return err
	}
	defer sampler.Free()
	if err := sampler.Feed(ctx, prompt); err != nil {
		return err
	}
	var text []byte
	for len(text) < t.sample {
		id, err := sampler.Next()
		if err != nil {
			return fmt.Errorf("step %d: %w", t.Step, err)
		}
		text = append(text, t.vocab.Decode([]int32{id})...)
	}
	t.report.println(indent(printable(text)))
	t.report.showText(t.Step, printable(text))
	return nil
}

// printable is text that a terminal can take: control bytes become spaces, and
// what is not UTF-8 a question mark.
func printable(text []byte) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "?"))
}

func indent(text string) string {
	return "  | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  | ")
}
