package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/models"
)

func main() { command.Main("evaluate", run) }

// evaluation is a run.
type evaluation struct {
	*settings
	model, scorer *models.Model
	prompts       []string
	targets       []*target
	texts         []*text
	bar           *progressbar.ProgressBar // nil where there is no terminal
}

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) (err error) {
	s, err := newSettings()
	if err != nil {
		return err
	}
	if err := s.flags.Parse(args, stdout); err != nil {
		return err
	}
	if err := s.complete(); err != nil {
		return command.Usagef("%w", err)
	}
	e := &evaluation{settings: s}
	if e.prompts, err = s.readPrompts(); err != nil {
		return err
	}
	b, err := s.machine.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	if e.model, err = s.lm.Open(b); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.model.Free()) }()
	if e.scorer = e.model; s.scoring != "" {
		if e.scorer, err = models.Open(b, s.lm.DType.Type, s.scoring); err != nil {
			return fmt.Errorf("-scorer: %w", err)
		}
		defer func() { err = errors.Join(err, e.scorer.Free()) }()
	}
	if err := e.makeTargets(ctx, stderr); err != nil {
		return err
	}
	return e.run(ctx, stdout, stderr)
}

// run makes and measures all texts, and reports what it came to, also where it was
// stopped.
func (e *evaluation) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := e.checkPrompts(); err != nil {
		return err
	}
	if err := e.prepareOut(); err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, e.describe()); err != nil {
		return fmt.Errorf("writing what is measured: %w", err)
	}
	e.showBar(stderr)
	done, err := e.all(ctx)
	if e.bar != nil {
		e.bar.Clear()
	}
	if len(e.texts) == 0 {
		return err
	}
	t := summarise(e.texts)
	if failed := errors.Join(t.print(stdout), e.save(t)); failed != nil {
		return errors.Join(err, failed)
	}
	if err != nil {
		fmt.Fprintf(stderr, "stopped in prompt %d of %d: the figures are those of the texts until then\n", done+1, len(e.prompts))
	}
	if e.out != "" {
		fmt.Fprintf(stderr, "%d texts and their figures are in %s\n", len(e.texts), e.out)
	}
	return err
}

// all goes through the prompts; done of them are complete.
func (e *evaluation) all(ctx context.Context) (done int, err error) {
	for p := range e.prompts {
		if err := e.unsteered(ctx, p); err != nil {
			return p, err
		}
		for _, t := range e.targets {
			if err := e.steered(ctx, p, t); err != nil {
				return p, err
			}
		}
	}
	return len(e.prompts), nil
}

// checkPrompts tells of prompts that a model cannot read, or not with the text that
// follows, before the work begins. A scorer may need more tokens for that text than
// the model made; there it counts as many.
func (e *evaluation) checkPrompts() error {
	for i, prompt := range e.prompts {
		for _, m := range []*models.Model{e.model, e.scorer} {
			ids, err := m.Read(prompt)
			if err != nil {
				return fmt.Errorf("prompt %d: %w", i+1, err)
			}
			info := m.Info()
			if need := len(ids) + e.length; info.Positions > 0 && need > info.Positions {
				return fmt.Errorf("prompt %d has %d tokens and the text %d more: %s has %d positions, so ask for at most %d with -length",
					i+1, len(ids), e.length, info.Name, info.Positions, max(0, info.Positions-len(ids)))
			}
		}
	}
	return nil
}

// prepareOut makes the folder and writes the settings there, so that one that
// cannot be written to is known before the work.
func (e *evaluation) prepareOut() error {
	if e.out == "" {
		return nil
	}
	if err := os.MkdirAll(e.out, 0o777); err != nil {
		return fmt.Errorf("making the folder for the results: %w", err)
	}
	return e.write("settings.json", e.putFlags)
}

// putFlags writes the flags as -config reads them. Those that were not given are
// left out where each attribute's preset decides: read back they would win over it.
func (e *evaluation) putFlags(w io.Writer) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(e.flags.JSON(), &all); err != nil {
		return err
	}
	for _, name := range e.steering.Left(e.flags) {
		delete(all, name)
	}
	if !e.flags.Given("best_of") {
		delete(all, "best_of")
	}
	lines := json.NewEncoder(w)
	lines.SetIndent("", "  ")
	return lines.Encode(all)
}

// describe says what is measured.
func (e *evaluation) describe() string {
	w, info := new(strings.Builder), e.model.Info()
	fmt.Fprintf(w, "language model %s: %d parameters\n", info.Name, info.Parameters)
	if e.scorer == e.model {
		fmt.Fprintln(w, "perplexity under the same model, unsteered")
	} else {
		fmt.Fprintf(w, "perplexity under %s: %d parameters\n", e.scorer.Info().Name, e.scorer.Info().Parameters)
	}
	for _, t := range e.targets {
		fmt.Fprintln(w, t.describe(info.Parameters))
	}
	fmt.Fprintf(w, "%d prompts, for each %d texts of %d tokens", len(e.prompts), e.samples, e.length)
	if slices.ContainsFunc(e.methods, func(m pplm.Method) bool { return m.Ranked }) {
		fmt.Fprintf(w, "; ranked methods take the best of %d", e.targets[0].preset.Samples)
	}
	fmt.Fprint(w, "\n\n")
	return w.String()
}

func (e *evaluation) showBar(stderr io.Writer) {
	if !command.Terminal(stderr) {
		return
	}
	batches := 0
	for _, t := range e.targets {
		if e.candidates(t, true) > 0 {
			batches++
		}
	}
	if e.candidates(e.targets[0], false) > 0 {
		batches++
	}
	e.bar = progressbar.NewOptions(len(e.prompts)*batches*e.length, progressbar.OptionSetWriter(stderr),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("writing texts"),
		progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond))
}

// advance tells the bar of a token of a batch.
func (e *evaluation) advance() {
	if e.bar != nil {
		e.bar.Add(1)
	}
}
