package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/sharnn/onnx"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// program is how this command is called.
const program = "go run ./sharnn/export"

// describedSuffix follows the model's name in that of its description.
const describedSuffix = ".json"

type settings struct {
	checkpoint string
	out        string
	mem        int
}

func main() { command.Main("export", run) }

func (s *settings) flags() *command.Flags {
	f := command.NewFlags(program, "Writes a trained SHA-RNN as an ONNX model: standard operators, opset 17, float32, with the recurrent state and the attention's memory as inputs and outputs. docs/onnx.md tells how to run it.",
		program+" -checkpoint runs/book -o book/model.onnx",
		program+" -checkpoint runs/book -o book/model.onnx -mem 2000",
		`python3 examples/onnx/python/generate.py book/model.onnx "It was " 300`)
	g := f.Group("Export")
	g.Add(&s.checkpoint, "checkpoint", "the `folder` that train wrote (its -out)")
	g.Add(&s.out, "o", "the `file` to write. The vocabulary of a model over tokens or words goes beside it (vocab.json and merges.txt, or words.txt): give each such model a folder of its own")
	g.Add(&s.mem, "mem", "`positions` that the attention sees, which are part of the model; -1: as in training. A program that feeds one symbol at a time copies the memory once for each, so fewer are faster")
	return f
}

func (s *settings) check() error {
	switch {
	case s.checkpoint == "":
		return errors.New("no model: name the folder that train wrote with -checkpoint")
	case s.out == "":
		return errors.New("nowhere to write: name the file with -o, say -o model.onnx")
	case s.mem < -1:
		return fmt.Errorf("-mem is %d: want 0 or more, or -1 for the model's own", s.mem)
	}
	if info, err := os.Stat(s.out); err == nil && info.IsDir() {
		return fmt.Errorf("-o %s is a folder: name a file in it, say %s", s.out, filepath.Join(s.out, "model.onnx"))
	}
	return nil
}

func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) error {
	s := settings{mem: -1}
	if err := s.flags().Parse(args, stdout); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return command.Usagef("%w", err)
	}
	b, err := cpu.New(backend.Config{})
	if err != nil {
		return err
	}
	defer b.Close()
	m, d, err := sharnn.Load(b, s.checkpoint, tensor.Float32)
	if err != nil {
		return err
	}
	defer m.Free()
	if s.mem >= 0 {
		m = m.WithMemory(s.mem)
	}
	m.Collapse()
	if err := os.MkdirAll(filepath.Dir(s.out), 0o755); err != nil {
		return fmt.Errorf("exporting: %w", err)
	}
	vocab, err := s.vocabulary(d)
	if err != nil {
		return err
	}
	if err := s.write(ctx, m, d.Vocab, stderr); err != nil {
		return err
	}
	if err := s.describe(m, d.Vocab, vocab); err != nil {
		return err
	}
	return s.report(stdout, m, d)
}

// vocabulary is nil for a model over bare ids.
func (s *settings) vocabulary(d *sharnn.Description) (corpus.Vocab, error) {
	if len(d.Vocab) == 0 {
		return nil, nil
	}
	vocab, err := d.LoadVocab(s.checkpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.checkpoint, err)
	}
	return vocab, nil
}

// same tells whether two paths lead to one folder.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// describe writes what the model is for programs that cannot read its metadata,
// and the files of its vocabulary, unless they are the checkpoint's own.
func (s *settings) describe(m *sharnn.Model, saved json.RawMessage, vocab corpus.Vocab) error {
	if dir := filepath.Dir(s.out); vocab != nil && !same(s.checkpoint, dir) {
		if _, err := vocab.Save(dir); err != nil {
			return fmt.Errorf("writing the vocabulary: %w", err)
		}
	}
	doc, err := json.Marshal(sharnn.Description{Config: m.Config, DType: m.DType.String(), Vocab: saved})
	if err != nil {
		return fmt.Errorf("describing the model: %w", err)
	}
	return safetensors.WriteAtomic(s.out+describedSuffix, func(w io.Writer) error {
		_, err := w.Write(append(doc, '\n'))
		return err
	})
}

func (s *settings) write(ctx context.Context, m *sharnn.Model, vocab json.RawMessage, stderr io.Writer) error {
	var progress func(done, total int64)
	if command.Terminal(stderr) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(stderr), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetDescription("writing"), progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond))
		defer bar.Clear()
		progress = func(done, total int64) {
			bar.ChangeMax64(total)
			bar.Set64(done)
		}
	}
	return onnx.Save(ctx, s.out, m, vocab, progress)
}
