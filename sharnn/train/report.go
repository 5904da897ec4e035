package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// report is where a run tells how it goes: a terminal with a bar, or plain
// lines; the log; TensorBoard; and a test.
type report struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil but on a terminal
	log   *os.File
	size  int64 // bytes of the log
	board board
	sink  sink
}

// openLog opens the log at path for appending, after its first keep bytes, or
// after all of it where keep is negative.
func (r *report) openLog(path string, keep int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	r.log = f
	info, err := f.Stat()
	if err == nil && keep >= 0 && info.Size() > keep {
		err = f.Truncate(keep)
		r.size = keep
	} else if err == nil {
		r.size = info.Size()
	}
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	return nil
}

func (r *report) close() error {
	if r.bar != nil {
		r.bar.Clear()
	}
	if r.board.file != nil {
		r.board.file.Close()
	}
	if r.log == nil {
		return nil
	}
	return r.log.Close()
}

// sync puts the logs on the disk; one that is no file cannot be.
func (r *report) sync() {
	r.log.Sync()
	if r.board.file != nil {
		r.board.file.Sync()
	}
}

// println prints above the bar.
func (r *report) println(text string) {
	if r.bar != nil {
		r.bar.Clear()
	}
	fmt.Fprintln(r.out, text)
}

func (r *report) printf(format string, args ...any) { r.println(fmt.Sprintf(format, args...)) }

// write adds a line to the logs, in one piece.
func (r *report) write(t *trainer, l runlog.Line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	n, err := r.log.Write(append(text, '\n'))
	r.size += int64(n)
	if err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	r.showScalars(l)
	if r.sink != nil {
		r.sink(t, l)
	}
	return nil
}

func (t *trainer) line(split string, step int, nats float64) runlog.Line {
	return runlog.Line{Step: step, Split: split, Tokens: t.Tokens, Loss: nats, BPC: sharnn.Bits(nats), PPL: t.perplexity(split, nats), Wall: t.wall()}
}

// perByte is the mean loss of training in nats per byte.
func (t *trainer) perByte(sum tally) float64 {
	return sum.Nats / float64(sum.Tokens) * t.stream.PerByte
}

// logTraining reports the steps since the last time.
func (t *trainer) logTraining(rate, norm float64) error {
	since := t.Since
	t.Since = tally{}
	l := t.line("", t.Step, t.perByte(since))
	l.Training = &runlog.Training{LR: rate, GradNorm: norm, TokensPer: float64(since.Tokens) / since.Seconds, Epoch: t.Epoch, Skipped: t.Skipped}
	if t.report.bar == nil {
		t.report.printf("step %s  train %.3f bpc  lr %.3g  grad %.3g  %s tokens/s%s",
			t.stepOf(), l.BPC, rate, norm, thousands(int64(l.TokensPer)), t.left())
	}
	return t.report.write(t, l)
}

// logEvaluation reports the loss on a whole part.
func (t *trainer) logEvaluation(split string, step int, nats float64, best bool) error {
	note := ""
	if best {
		note = ", the best so far"
	}
	t.report.printf("step %d  %s %s%s%s", step, split, inUnits(nats), t.inPerplexity(split, nats), note)
	return t.report.write(t, t.line(split, step, nats))
}

func inUnits(nats float64) string {
	return fmt.Sprintf("%.4f bits per byte (%.4f nats)", sharnn.Bits(nats), nats)
}

func (t *trainer) stepOf() string {
	if t.total == 0 {
		return fmt.Sprint(t.Step)
	}
	return fmt.Sprintf("%d/%d", t.Step, t.total)
}

func (t *trainer) left() string {
	if t.total == 0 {
		return ""
	}
	return fmt.Sprintf("  %v left", t.timeLeft())
}

// showBar starts a bar where there is a terminal: over the whole run, or over
// the steps that measure its speed.
func (t *trainer) showBar() {
	r := &t.report
	if !command.Terminal(r.out) {
		return
	}
	if r.bar != nil {
		r.bar.Clear()
	}
	most, done := t.total, t.Step
	if most == 0 {
		most, done = t.enoughSteps(), 0
	}
	r.bar = progressbar.NewOptions(max(most, 1),
		progressbar.OptionSetWriter(r.out),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond))
	r.bar.Set(min(done, most))
}

// progress moves the bar by a step whose gradients have a norm.
func (r *report) progress(t *trainer, norm float64) {
	if r.bar == nil {
		return
	}
	left := "measuring the speed"
	if t.total > 0 {
		left = fmt.Sprintf("%v left", t.timeLeft())
	}
	since := t.Since
	r.bar.Describe(fmt.Sprintf("%.3f bpc | grad %.3g | %s tokens/s | %s",
		sharnn.Bits(t.perByte(since)), norm, thousands(int64(float64(since.Tokens)/since.Seconds)), left))
	r.bar.Add(1)
}

// introduce says what is about to happen.
func (t *trainer) introduce() {
	r := &t.report
	r.printf("%s: %s bytes, %s", t.name, thousands(int64(t.size)), t.symbols())
	test := ""
	if t.test.ids != nil {
		test = fmt.Sprintf(", test %s", thousands(int64(t.test.ids.Len())))
	}
	r.printf("train %s, validation %s%s %ss", thousands(int64(t.stream.Rows*t.stream.Batch)), thousands(int64(t.valid.ids.Len())), test, t.vocab.Unit())
	r.printf("a model of %s parameters on %s, kept in %s", thousands(int64(t.model.Size())), t.backend.Name(), t.out)
	r.println(wrap(string(t.json()), 78))
	if t.Step > 0 {
		r.printf("going on from step %s", t.stepOf())
	} else if t.total > 0 {
		r.printf("%d steps", t.total)
	}
}

// symbols says what the model reads.
func (t *trainer) symbols() string {
	if t.tokens == byteTokens {
		return fmt.Sprintf("%d different", t.vocab.Len())
	}
	return fmt.Sprintf("%s %ss of %.2f bytes on average", thousands(int64(t.vocab.Len())), t.vocab.Unit(), 1/t.stream.PerByte)
}

// wrap joins the lines of text and breaks them again at a width.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for line := range strings.Lines(text) {
		word := strings.TrimSpace(line)
		if column > 0 && column+1+len(word) > width {
			b.WriteByte('\n')
			column = 0
		} else if column > 0 {
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// thousands writes n with commas.
func thousands(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
