package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/head/dataset"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

// training is a run that trains a head.
type training struct {
	settings
	b              backend.Backend
	model          *models.Model
	stdout, stderr io.Writer
	bar            *progressbar.ProgressBar // nil but on a terminal
}

func (t *training) run(ctx context.Context) error {
	set, err := dataset.Open(t.dataset, t.path, t.compat)
	if err != nil {
		return err
	}
	h, err := t.newHead(set)
	if err != nil {
		return err
	}
	if err := t.prepareOutput(); err != nil {
		return err
	}
	texts, err := t.tokens(set)
	if err != nil {
		return err
	}
	d := head.Data{Y: texts.classes}
	d.Train, d.Test = t.divide(texts)
	if err := t.printf("%s: %d texts, %d to train on, %d to test on\n", t.path, len(texts.ids), len(d.Train), len(d.Test)); err != nil {
		return err
	}
	if d.X, err = t.representations(ctx, texts.ids); err != nil {
		return err
	}
	defer backend.Release(t.b, d.X)
	start := time.Now()
	result, err := t.fit(ctx, h, d)
	if err != nil {
		return err
	}
	told := t.report(result, h.Classes, time.Since(start))
	if err := t.store(h); err != nil { // what has been trained is kept where it cannot be told
		return err
	}
	return told
}

// report says what came out, result being nil where nothing was tested on.
func (t *training) report(result *head.Result, classes []string, took time.Duration) error {
	if err := t.printf("trained in %.1f s\n", took.Seconds()); err != nil || result == nil {
		return err
	}
	var table strings.Builder
	if err := result.Print(&table, classes); err != nil {
		return err
	}
	return t.printf("\n%s", &table)
}

// prepareOutput fails before the work, not after it, where nothing can be
// saved.
func (t *training) prepareOutput() error {
	if !t.save && !t.cached {
		return nil
	}
	if err := os.MkdirAll(t.output, 0o777); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	return nil
}

// newHead is a head of the dataset's classes for the language model.
func (t *training) newHead(set *dataset.Set) (*head.Head, error) {
	info := t.model.Info()
	h, err := head.New(set.Classes, info.Width, t.seed)
	if err != nil {
		return nil, err
	}
	h.Model, h.Hash, h.Default = info.Name, info.Hash, set.Default
	if h.Default, err = h.Class(t.class); err != nil {
		return nil, command.Usagef("-default_class: %w", err)
	}
	return h, nil
}

// fit trains the head and says how it goes.
func (t *training) fit(ctx context.Context, h *head.Head, d head.Data) (*head.Result, error) {
	steps := (len(d.Train) + t.batch - 1) / t.batch
	t.showBar(t.epochs*steps, "training")
	defer t.hideBar()
	return head.Fit(ctx, t.b, h, d, head.Fitting{
		Rate: t.rate, Epochs: t.epochs, Batch: t.batch, Seed: t.seed,
		Batched: func(epoch, batch int, loss float64) error {
			if t.bar != nil {
				t.bar.Add(1)
			}
			if t.logInterval == 0 || batch%t.logInterval != 0 {
				return nil
			}
			return t.printf("epoch %d, batch %d of %d: loss %.6f\n", epoch, batch+1, steps, loss)
		},
		Evaluated: func(epoch int, r *head.Result) error {
			if r == nil {
				return nil
			}
			return t.printf("epoch %d: test loss %.4f, accuracy %d of %d (%.1f %%)\n",
				epoch, r.Loss, r.Correct(), r.Texts, 100*float64(r.Correct())/float64(r.Texts))
		},
	})
}

func (t *training) store(h *head.Head) error {
	if !t.save {
		return nil
	}
	path := filepath.Join(t.output, t.dataset+"_classifier_head")
	if err := h.Save(path); err != nil {
		return err
	}
	classes := slices.Clone(h.Classes)
	for i, name := range classes {
		classes[i] = strings.ReplaceAll(name, " ", "_")
	}
	return t.printf("saved %s.safetensors and .json: steer with -D %s -class_label %s\n", path, path, strings.Join(classes, "|"))
}

// showBar starts a bar where there is a terminal.
func (t *training) showBar(most int, what string) {
	if command.Terminal(t.stderr) {
		t.bar = progressbar.NewOptions(most, progressbar.OptionSetWriter(t.stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription(what), progressbar.OptionShowIts(), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
}

func (t *training) hideBar() {
	if t.bar != nil {
		t.bar.Clear()
	}
	t.bar = nil
}

// printf prints above the bar.
func (t *training) printf(format string, args ...any) error {
	if t.bar != nil {
		t.bar.Clear()
	}
	if _, err := fmt.Fprintf(t.stdout, format, args...); err != nil {
		return fmt.Errorf("writing how the training goes: %w", err)
	}
	return nil
}
