package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor"
)

// position is where a run stands: with the tensors, all that going on needs.
type position struct {
	Step      int     `json:"step"`      // steps made
	Segment   int     `json:"segment"`   // segments read, of all epochs
	Epoch     int     `json:"epoch"`     // epochs finished
	Row       int     `json:"row"`       // of the training stream: the next segment's first
	Tokens    int64   `json:"tokens"`    // targets learnt from
	Evaluated int     `json:"evaluated"` // the step of the last evaluation
	Best      *score  `json:"best"`      // nil before the first evaluation
	Stale     int     `json:"stale"`     // evaluations since the best one, or since the rate was halved
	Halvings  int     `json:"halvings"`  // of the rate; the second pass is one
	Halved    int     `json:"halved"`    // the step after which it was halved last
	Averaged  int     `json:"averaged"`  // steps in the average of -ema
	Skipped   int     `json:"skipped"`   // steps that were outliers
	Since     tally   `json:"since"`     // the last log line
	Wall      float64 `json:"wall_s"`    // seconds that the run has taken

	Norms optim.Outliers `json:"norms"` // of gradients, with -skip_outliers
}

// score is the validation loss in nats per byte at a step, and the SHA-256 of the
// model's weights.
type score struct {
	Step   int     `json:"step"`
	Loss   float64 `json:"loss"`
	SHA256 string  `json:"sha256"`
}

// tally adds up segments. Seconds are those of steps alone.
type tally struct {
	Nats    float64 `json:"nats"`
	Tokens  int     `json:"tokens"`
	Seconds float64 `json:"seconds"`
}

// trainer is a run.
type trainer struct {
	*settings
	texts
	learner
	position
	total     int // steps of the run, 0 while they are not known
	firstPass int // the first pass's last step, 0 where there is no second
	pace      pace
	report    report
	clock     clock
	pictures  pictures
	in        []int32 // (T, B) of the segment at hand
	target    []int32 // (T, B)
	saves     int     // the number of the newest save
	savedAt   int     // the step last saved
}

// sink is told of every log line when its step is over.
type sink func(t *trainer, l runlog.Line)

// run is the command. Each log line also goes to tell, if that is not nil.
func run(ctx context.Context, args []string, stdout io.Writer, tell sink) (err error) {
	s, from, err := parse(args, stdout)
	if err != nil {
		return err
	}
	t := &trainer{settings: s, report: report{out: stdout, sink: tell}}
	t.clock.start()
	defer func() { err = errors.Join(err, t.texts.close()) }()
	if err := t.openTexts(ctx, from); err != nil {
		return err
	}
	s.machine.Precision = numbers[s.dtype].products
	if t.backend, err = s.machine.Open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.backend.Close()) }()
	defer t.learner.free()
	if from == nil {
		err = t.begin()
	} else {
		err = t.resumeFrom(from)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.report.close()) }()
	t.introduce()
	defer t.draw()
	if err := t.train(ctx); err != nil {
		return t.interrupted(ctx, err)
	}
	return t.interrupted(ctx, t.finish(ctx))
}

// train is the loop: evaluations, saves and steps until the run's end.
func (t *trainer) train(ctx context.Context) error {
	rates := t.rates()
	t.showBar()
	for {
		if t.evaluationDue() {
			if err := t.evaluate(ctx); err != nil {
				return err
			}
		}
		if t.total > 0 && t.Step >= t.total || t.stopsEarly() {
			return nil
		}
		if t.halvingDue() {
			if err := t.halve(); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if t.timeOver() {
			return t.evaluateEarly(ctx)
		}
		if t.total == 0 && t.pace.enough(t.settings, t.wall()) {
			if err := t.plan(); err != nil {
				return err
			}
		}
		if t.saveDue() {
			if err := t.save(); err != nil {
				return err
			}
		}

		start := time.Now()
		if t.overfit || epochOver(t.Row, t.stream.Rows) {
			t.startOver()
		}
		nats, tokens, grads, err := t.window(rates)
		if err != nil {
			return err
		}
		norm := optim.ClipNorm(t.backend, grads, t.clip)
		if !finite(nats) || !finite(norm) {
			return t.diverged(nats/float64(tokens), norm, grads)
		}
		t.Step++
		rate := t.rateNow()
		t.take(grads, rate, norm)
		backend.Release(t.backend, grads...)
		t.stepped(nats, norm, tokens, time.Since(start).Seconds())
		if t.Step%t.logInterval == 0 || t.Step == t.total {
			if err := t.logTraining(rate, norm); err != nil {
				return err
			}
		}
	}
}

// window runs the segments of one step, which end where the epoch does: the sum
// of their losses over all targets in nats, the number of targets, and the sum
// of the gradients of their mean losses.
func (t *trainer) window(rates sharnn.Rates) (nats float64, tokens int, grads []*tensor.Tensor, err error) {
	for i := 0; i < t.accumulate && !epochOver(t.Row, t.stream.Rows); i++ {
		T, B := t.segmentRows(t.Segment, t.Row, t.stream.Rows), t.batchSize
		in, target := t.in[:T*B], t.target[:T*B]
		t.stream.Segment(in, target, t.Row, T)
		loss, more, err := t.gradients(in, target, T, B, rates.At(t.seed, uint32(t.Segment)))
		if err != nil {
			return 0, 0, nil, err
		}
		grads = t.add(grads, more)
		nats += loss * float64(T*B)
		tokens += T * B
		t.Row += T
		t.Segment++
	}
	return nats, tokens, grads, nil
}

// stepped counts a step's losses and its time.
func (t *trainer) stepped(nats, norm float64, tokens int, seconds float64) {
	t.Tokens += int64(tokens)
	t.Since.Nats += nats
	t.Since.Tokens += tokens
	t.Since.Seconds += seconds
	t.clock.stepped(seconds)
	t.report.progress(t, norm)
	if t.total > 0 {
		return
	}
	rows := 0
	for i := range t.model.Blocks {
		rows = max(rows, t.state.MemoryRows(i))
	}
	t.pace.add(rows, tokens, seconds)
}

// diverged is the error of a loss or gradient that is no number. It frees the
// gradients.
func (t *trainer) diverged(loss, norm float64, grads []*tensor.Tensor) error {
	name, size, err := t.largest(grads)
	backend.Release(t.backend, grads...)
	if err != nil {
		return err
	}
	return fmt.Errorf("step %d: the loss is %v and the norm of the gradients %v; the largest gradient, %v, is of %s; the last good checkpoint is %s, of step %d",
		t.Step+1, loss, norm, size, name, t.saveDir(t.saves), t.savedAt)
}

// interrupted saves where err is that of a cancelled ctx, and says how to go on.
func (t *trainer) interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	if err := t.save(); err != nil {
		return err
	}
	t.report.printf("stopped and saved at step %d; go on with:\n  %s", t.Step, t.resumeCommand())
	return err
}

// finish tests the best model and says how to use it.
func (t *trainer) finish(ctx context.Context) error {
	if t.stopsEarly() {
		t.report.printf("stopped at step %s: the last %d evaluations were no better than the best", t.stepOf(), t.Stale)
	} else if t.Step < t.total {
		t.report.printf("stopped by -minutes at step %d of %d; go on with:\n  %s -minutes %.4g",
			t.Step, t.total, t.resumeCommand(), 2*t.minutes)
	}
	best, err := t.loadBest()
	if err != nil {
		return fmt.Errorf("reading the best model back: %w", err)
	}
	defer best.Free()
	t.report.printf("best validation at step %d: %s%s", t.Best.Step, inUnits(t.Best.Loss), t.inPerplexity("valid", t.Best.Loss))
	if t.test.ids != nil {
		if err := t.testBest(ctx, best); err != nil {
			return err
		}
	}
	t.report.printf("sample from it with:\n  go run ./sharnn/generate -checkpoint %s", quote(t.out))
	return nil
}
