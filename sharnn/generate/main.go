package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	_ "github.com/tiller-ml/tiller/backend/cpu"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// program is how this command is called.
const program = "go run ./sharnn/generate"

// maxPrompt is the most bytes that standard input may give.
const maxPrompt = 16 << 20

type settings struct {
	checkpoint string
	mem        int
	prompt     string
	n          int
	sampling   sharnn.Sampling
	weights    string // as given
	dtype      tensor.DType
	machine    command.Backend
}

func main() {
	command.Main("generate", func(ctx context.Context, args []string, stdin io.Reader, stdout, _ io.Writer) error {
		return run(ctx, args, stdin, stdout)
	})
}

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program, "Writes text with a trained SHA-RNN.",
		program+" -checkpoint runs/book",
		program+` -checkpoint runs/book -prompt "It was" -n 300`,
		`echo "It was" | `+program+" -checkpoint runs/book -prompt -")
	g := f.Group("Model")
	g.Add(&s.checkpoint, "checkpoint", "the `folder` that train wrote (its -out)")
	g.Add(&s.mem, "mem", "`positions` that the attention sees; -1: as in training. A model trained with -mem 0 saw its own segment all the same: give it the bptt of its training")
	g.Add(&s.weights, "dtype", "`float32, float64, bf16 or int8`: what the weights are read as; none: as they were saved. bf16 and int8 take a half and a quarter of the memory, and of the time per symbol where that is reading weights")
	g = f.Group("Text")
	g.Add(&s.prompt, "prompt", "`text` to go on from; - reads it from standard input. None: the model begins a line")
	g.Add(&s.n, "n", "`bytes` to write after the prompt; a model over tokens ends with the token that reaches them")
	g = f.Group("Sampling")
	g.Add(&s.sampling.Temperature, "temperature", "divides the logits: 1 is the model's own distribution, less is more cautious, 0 takes the likeliest symbol each time. A little below 1 makes fewer slips")
	g.Add(&s.sampling.TopK, "top_k", "only the `k` likeliest symbols; 0: all")
	g.Add(&s.sampling.TopP, "top_p", "only the likeliest symbols that add up to this `probability`; 1: all")
	g.Add(&s.sampling.Seed, "seed", "same seed, same text")
	s.machine.Flags(f)
	return f
}

func (s *settings) check() error {
	switch {
	case s.checkpoint == "":
		return errors.New("no model: name the folder that train wrote with -checkpoint")
	case s.mem < -1:
		return fmt.Errorf("-mem is %d: want 0 or more, or -1 for the model's own", s.mem)
	case s.n < 0:
		return fmt.Errorf("-n is %d: want 0 or more", s.n)
	}
	var err error
	if s.dtype, err = sharnn.ParseDType(s.weights); err != nil {
		return fmt.Errorf("-dtype: %w", err)
	}
	return s.sampling.Check()
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	s := settings{mem: -1, n: 500, sampling: sharnn.Sampling{Temperature: 0.8, TopP: 1, Seed: 1}}
	if err := s.flags().Parse(args, stdout); err != nil {
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
	if s.mem >= 0 {
		m = m.WithMemory(s.mem)
	}
	prompt := []byte(s.prompt)
	if s.prompt == "-" {
		if prompt, err = readPrompt(ctx, stdin); err != nil {
			return err
		}
	}
	ids, err := sharnn.Prompt(vocab, prompt)
	if err != nil {
		return err
	}
	w := &writer{w: stdout}
	if _, err := w.Write(prompt); err != nil {
		return err
	}
	if err := s.write(ctx, w, m, vocab, ids); err != nil && ctx.Err() == nil {
		return err
	}
	return w.endLine()
}

// write draws the text. A cancelled context is the only error it may end with
// after which all is well.
func (s *settings) write(ctx context.Context, w io.Writer, m *sharnn.Model, vocab corpus.Vocab, prompt []int32) error {
	sampler, err := sharnn.NewSampler(m, s.sampling)
	if err != nil {
		return err
	}
	defer sampler.Free()
	if err := sampler.Feed(ctx, prompt); err != nil {
		return err
	}
	for written := 0; written < s.n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		id, err := sampler.Next()
		if err != nil {
			return err
		}
		n, err := w.Write(vocab.Decode([]int32{id}))
		if err != nil {
			return err
		}
		written += n
	}
	return nil
}

// readPrompt reads all of r, or returns when ctx is cancelled: a terminal would
// keep it waiting.
func readPrompt(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		text []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		text, err := io.ReadAll(io.LimitReader(r, maxPrompt+1))
		read <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("reading the prompt: %w", ctx.Err())
	case r := <-read:
		if r.err != nil {
			return nil, fmt.Errorf("reading the prompt: %w", r.err)
		}
		if len(r.text) > maxPrompt {
			return nil, fmt.Errorf("reading the prompt: more than %d bytes", maxPrompt)
		}
		return r.text, nil
	}
}

// writer knows whether what it wrote ends a line.
type writer struct {
	w    io.Writer
	last byte
}

func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	w.last = p[len(p)-1]
	return w.w.Write(p)
}

func (w *writer) endLine() error {
	if w.last == '\n' {
		return nil
	}
	_, err := w.Write([]byte("\n"))
	return err
}
