package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
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
	Since     tally   `json:"since"`     // the last log line
	Wall      float64 `json:"wall_s"`    // seconds that the run has taken
}

// score is the validation loss in nats at a step.
type score struct {
	Step int     `json:"step"`
	Loss float64 `json:"loss"`
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
	flags *command.Flags
	texts
	learner
	position
	pace
	report

	began       time.Time // of this process's part of the run
	before      float64   // seconds that the run took before it
	saved       int       // the step last saved
	savedAt     time.Time
	evaluations float64 // seconds that the last evaluation took
}

// sink is told of every log line when its step is over.
type sink func(t *trainer, l logLine)

// run is the command. Each log line also goes to tell, if that is not nil.
func run(ctx context.Context, args []string, stdout io.Writer, tell sink) (err error) {
	s, flags, from, notes, err := parse(args, stdout)
	if err != nil {
		return err
	}
	t := &trainer{settings: s, flags: flags, began: time.Now(), report: report{out: stdout, sink: tell}}
	for _, note := range notes {
		t.println(note)
	}
	if err := t.texts.open(s); err != nil {
		return err
	}
	if t.learner.backend, err = s.machine.Open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.learner.backend.Close()) }()
	defer t.learner.free()
	if from == "" {
		err = t.begin()
	} else {
		err = t.resumeFrom(from)
	}
	if err != nil {
		return err
	}
	if err := t.openLog(t.logPath(), t.position.Step, from != ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.closeLog()) }()
	t.introduce()
	if err := t.train(ctx); err != nil {
		return err
	}
	return t.finish(ctx)
}

// train is the loop: evaluations, saves and steps until the run's end.
func (t *trainer) train(ctx context.Context) error {
	in := make([]int32, t.bptt*t.batchSize)
	target := make([]int32, t.bptt*t.batchSize)
	rates := t.rates()
	t.showBar()
	for {
		if t.evaluationDue() {
			if err := t.evaluate(ctx); err != nil {
				return t.interrupted(ctx, err)
			}
		}
		switch {
		case t.steps > 0 && t.Step >= t.steps:
			return nil
		case ctx.Err() != nil:
			return t.interrupted(ctx, ctx.Err())
		case t.timeOver():
			return t.evaluateEarly(ctx)
		case t.saveDue():
			if err := t.save(); err != nil {
				return err
			}
		case t.steps == 0 && t.pace.enough(t.settings, t.wall()):
			if err := t.fix(); err != nil {
				return err
			}
		}

		start := time.Now()
		if epochOver(t.Row, t.train_.Rows) {
			t.Epoch++
			t.Row = 0
			t.state.Reset()
		}
		var grads []*tensor.Tensor // the window's, summed
		var nats float64           // the window's mean loss, by target
		tokens := 0
		for i := 0; i < t.accumulate && !epochOver(t.Row, t.train_.Rows); i++ {
			T, B := t.segmentRows(t.Segment, t.Row, t.train_.Rows), t.batchSize
			t.train_.Segment(in[:T*B], target[:T*B], t.Row, T)
			loss, more, err := t.gradients(in[:T*B], target[:T*B], T, B, rates.At(t.seed, uint32(t.Segment)))
			if err != nil {
				return err
			}
			grads = t.add(grads, more)
			nats += loss * float64(T*B)
			tokens += T * B
			t.Row += T
			t.Segment++
		}
		norm := optim.ClipNorm(t.learner.backend, grads, t.clip)
		if !finite(nats) || !finite(norm) {
			err := t.diverged(nats/float64(tokens), norm, grads)
			backend.Release(t.learner.backend, grads...)
			return err
		}
		t.Step++
		rate := t.rate(t.Step)
		t.optimizer.Step(grads, rate)
		backend.Release(t.learner.backend, grads...)

		t.Tokens += int64(tokens)
		t.stepped(nats, tokens, time.Since(start).Seconds())
		if t.Step%t.logInterval == 0 || t.Step == t.steps {
			if err := t.logTraining(rate, norm); err != nil {
				return err
			}
		}
		t.progress()
	}
}

// stepped counts a step's losses and its time.
func (t *trainer) stepped(nats float64, tokens int, seconds float64) {
	t.Since.Nats += nats
	t.Since.Tokens += tokens
	t.Since.Seconds += seconds
	if t.steps > 0 {
		return
	}
	rows := 0
	for i := range t.model.Blocks {
		rows = max(rows, t.state.MemoryRows(i))
	}
	t.pace.add(rows, tokens, seconds)
}

// wall is how many seconds the run has taken.
func (t *trainer) wall() float64 { return t.before + time.Since(t.began).Seconds() }

func (t *trainer) timeOver() bool { return t.minutes > 0 && t.steps > 0 && t.wall() >= t.minutes*60 }

// fix sets the number of steps of a run that was given a time, once its speed
// is known.
func (t *trainer) fix() error {
	t.pace.coldOver()
	perStep := t.pace.secondsAt(meanMemory(t.mem, t.train_.Rows))
	// An evaluation costs about half of a step for each target.
	perTarget := perStep / t.pace.tokensPerStep() / 2
	b := budget{
		left:       t.minutes*60 - t.wall(),
		step:       perStep,
		evaluation: perTarget * float64(len(t.valid)),
		test:       perTarget * float64(len(t.test)),
	}
	more, every := b.plan(t.Step, t.evalInterval)
	t.hold, t.steps, t.evalInterval = t.Step, min(t.Step+more, maxSteps), every
	t.minutes *= overrun
	t.println(fmt.Sprintf("measured %.3g steps/s: the run has %d steps, evaluated every %d; -steps %d -hold %d would choose the same",
		1/perStep, t.steps, t.evalInterval, t.steps, t.hold))
	t.showBar()
	if err := t.saveSettings(); err != nil {
		return err
	}
	return t.save()
}

// diverged is the error of a loss or gradient that is no number.
func (t *trainer) diverged(loss, norm float64, grads []*tensor.Tensor) error {
	name, size, err := t.largest(grads)
	if err != nil {
		return err
	}
	return fmt.Errorf("step %d: the loss is %v and the norm of the gradients %v, the largest gradient %v in %s; the last good checkpoint is %s, of step %d",
		t.Step+1, loss, norm, size, name, t.lastDir(), t.saved)
}

// interrupted saves where ctx was cancelled, and says how to go on; err is what
// ended the work.
func (t *trainer) interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	t.hideBar()
	if err := t.save(); err != nil {
		return err
	}
	t.println(fmt.Sprintf("stopped and saved at step %d; go on with:\n  %s", t.Step, t.resumeCommand()))
	return ctx.Err()
}

// finish tests the best model and says how to use it.
func (t *trainer) finish(ctx context.Context) error {
	t.hideBar()
	if err := t.save(); err != nil {
		return err
	}
	if t.Step < t.steps {
		t.println(fmt.Sprintf("stopped by -minutes at step %d of %d; go on with:\n  %s -minutes %.4g",
			t.Step, t.steps, t.resumeCommand(), 2*t.minutes))
	}
	best, _, err := sharnn.Load(t.learner.backend, t.out, t.model.DType)
	if err != nil {
		return fmt.Errorf("reading the best model back: %w", err)
	}
	defer best.Free()
	t.println(fmt.Sprintf("best validation at step %d: %s", t.Best.Step, losses(t.Best.Loss)))
	if len(t.test) > 0 {
		if err := t.testBest(ctx, best); err != nil {
			return err
		}
	}
	t.println(fmt.Sprintf("sample from it with:\n  go run ./sharnn/generate -checkpoint %s", quote(t.out)))
	return nil
}
