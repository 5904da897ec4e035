package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/schollz/progressbar/v3"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// Lanes are chosen so that the symbols at their beginnings, which lack a past,
// are a small share, and so that a long memory of each fits.
const (
	laneSymbols = 50_000
	mostLanes   = 16
)

func main() { command.Main("evaluate", run) }

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	var s settings
	f := s.flags()
	if err := f.Parse(args, stdout); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return command.Usagef("%w", err)
	}
	b, err := s.machine.Open()
	if err != nil {
		return err
	}
	defer b.Close()
	m, vocab, err := sharnn.LoadText(b, s.checkpoint, s.dtype)
	if err != nil {
		return err
	}
	defer m.Free()
	if err := s.complete(f.Given("data")); err != nil {
		return err
	}
	p, err := s.read(ctx, vocab, stderr)
	if err != nil {
		return err
	}
	defer p.close()
	if len(s.mem) == 0 {
		s.mem = lengths{m.Config.Memory}
	}
	if s.attention != "" {
		return s.drawAttention(ctx, m.WithMemory(s.mem[0]), vocab, p, stdout)
	}
	r := s.newReport(p)
	if !s.json {
		r.printHead(stdout)
	}
	for _, memory := range s.mem {
		l, err := s.pass(ctx, m.WithMemory(memory), p, r.Lanes, stderr)
		if err != nil {
			return err
		}
		r.Lines = append(r.Lines, l)
		if !s.json {
			l.print(stdout)
		}
	}
	if s.json {
		return r.printJSON(stdout)
	}
	return nil
}

// part is a piece of a text in the model's symbols.
type part struct {
	name    string // "valid" or "test"
	text    string // where it is from
	bytes   int
	ids     *corpus.IDs
	unit    string  // of ids, for people
	perByte float64 // symbols that stand for a byte
	close   func()
}

func (s *settings) read(ctx context.Context, vocab corpus.Vocab, stderr io.Writer) (p part, err error) {
	tell, clear := command.Progress(stderr)
	defer clear()
	text, parts, split, err := corpus.OpenParts(ctx, s.data, s.split, tell)
	if err != nil {
		return part{}, err
	}
	s.split = split
	p = part{name: s.part, text: text.Name, unit: vocab.Unit(), close: func() { text.Close() }}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	bytes := parts.Test
	if p.name == "" {
		p.name = "test"
		if bytes == nil {
			p.name = "valid"
		}
	}
	if p.name == "valid" {
		bytes = parts.Valid
	}
	if bytes == nil {
		return p, fmt.Errorf("the split %s has no test part: evaluate -part valid", split)
	}
	if p.ids, err = corpus.EncodeText(ctx, vocab, bytes, tell); err != nil {
		return p, fmt.Errorf("%s, %s part: %w", text.Name, p.name, err)
	}
	p.close = func() { errors.Join(p.ids.Close(), text.Close()) }
	p.bytes = len(bytes)
	p.perByte = p.ids.PerByte()
	return p, nil
}

// pass evaluates with one length of memory.
func (s *settings) pass(ctx context.Context, m *sharnn.Model, p part, lanes int, stderr io.Writer) (line, error) {
	e := sharnn.Evaluation{Batch: lanes, BPTT: s.bptt}
	if command.Terminal(stderr) {
		bar := progressbar.NewOptions(p.ids.Len()-1, progressbar.OptionSetWriter(stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription(fmt.Sprintf("mem %d", m.Config.Memory)), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(p.unit+"s"), progressbar.OptionThrottle(100*time.Millisecond))
		defer bar.Clear()
		e.Progress = func(done, _ int) { bar.Set(done) }
	}
	start := time.Now()
	r, err := sharnn.EvaluateText(ctx, m, p.ids, e)
	if err != nil {
		return line{}, err
	}
	if math.IsNaN(r.Nats) || math.IsInf(r.Nats, 0) {
		return line{}, fmt.Errorf("the loss is %v: the model's parameters are not sound", r.Nats)
	}
	return newLine(m.Config.Memory, r, p, time.Since(start)), nil
}
