package main

import (
	"strings"
	"time"

	"github.com/tiller-ml/tiller/sharnn/internal/events"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// board is the run's event file, for TensorBoard. The run does not depend on it: a
// fault is a warning, and ends it.
type board struct {
	file *events.Writer // nil after a fault
	mark events.Mark
}

// openBoard makes an event file that goes on where the run's save, if it had one, was
// made.
func (t *trainer) openBoard(resumed *snapshot) {
	b := &t.report.board
	var err error
	if resumed != nil {
		b.mark = resumed.Events
		err = events.Cut(t.out, b.mark)
	}
	if err == nil {
		b.file, err = events.Create(t.out, t.Step+1, time.Now())
	}
	t.report.written(err)
}

// written takes note of what has been written to the event file, or why it was not.
func (r *report) written(err error) {
	b := &r.board
	if err != nil {
		r.printf("warning: nothing more for TensorBoard: %v", err)
		if b.file != nil {
			b.file.Close()
		}
		b.file = nil
		return
	}
	b.mark = b.file.Mark()
}

// showScalars adds a log line to the event file.
func (r *report) showScalars(l runlog.Line) {
	if r.board.file != nil {
		r.written(r.board.file.Scalars(l.Step, time.Now(), scalars(l)...))
	}
}

// showText adds text that the model wrote, as code, so that its Markdown and its
// white space stay as they are.
func (r *report) showText(step int, text string) {
	if r.board.file != nil {
		code := "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
		r.written(r.board.file.Text(step, time.Now(), "sample", code))
	}
}

// scalars are a log line's numbers, by part of the text.
func scalars(l runlog.Line) []events.Scalar {
	part := "train"
	if l.Split != "" {
		part = l.Split
	}
	out := []events.Scalar{{Tag: part + "/bpc", Value: l.BPC}, {Tag: part + "/loss", Value: l.Loss}}
	if l.PPL != 0 {
		out = append(out, events.Scalar{Tag: part + "/ppl", Value: l.PPL})
	}
	if t := l.Training; t != nil {
		out = append(out, events.Scalar{Tag: "train/lr", Value: t.LR}, events.Scalar{Tag: "train/grad_norm", Value: t.GradNorm},
			events.Scalar{Tag: "train/tokens_per_s", Value: t.TokensPer})
	}
	return out
}
