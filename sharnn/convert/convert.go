package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// toFolder makes a model's folder of a state dict.
func (s *settings) toFolder(ctx context.Context, stdout io.Writer) (err error) {
	if err := s.checkFolder(); err != nil {
		return err
	}
	d, err := s.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	c, vocab, err := s.describe(ctx, d)
	if err != nil {
		return fmt.Errorf("%s: %w", s.from, err)
	}
	b, err := cpu.New(backend.Config{})
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := sharnn.FromStateDict(b, d.dtypeOf(c), c, d.tensors)
	if err != nil {
		return fmt.Errorf("%s: %w", s.from, err)
	}
	defer m.Free()
	err = place(ctx, s.out, func(temp string) error { return m.Save(temp, vocab, nil) })
	if err != nil {
		return fmt.Errorf("making %s: %w", s.out, err)
	}
	return reportFolder(stdout, s.out, m, vocab, d)
}

// describe finds the configuration and vocabulary of a state dict, and puts its
// symbols in the vocabulary's order.
func (s *settings) describe(ctx context.Context, d *dict) (sharnn.Config, corpus.Vocab, error) {
	c, err := d.infer()
	if err != nil {
		return c, nil, err
	}
	var like *sharnn.Description
	if s.like != "" {
		if like, err = sharnn.Describe(s.like); err != nil {
			return c, nil, err
		}
	}
	if c, err = s.configure(c, d, like); err != nil {
		return c, nil, err
	}
	words, err := s.dictionary(ctx)
	switch {
	case err != nil:
		return c, nil, err
	case words != nil:
		vocab, err := d.renumber(c, words)
		return c, vocab, err
	case like == nil || len(like.Vocab) == 0:
		return c, nil, nil
	}
	vocab, err := like.LoadVocab(s.like)
	if err != nil {
		return c, nil, fmt.Errorf("%s: %w", s.like, err)
	}
	return c, vocab, fits(vocab, c)
}

// renumber puts the symbols in the order of the vocabulary that a dictionary of the
// reference's is here.
func (d *dict) renumber(c sharnn.Config, words *corpus.WordVocab) (corpus.Vocab, error) {
	vocab := vocabulary(words)
	if err := fits(vocab, c); err != nil {
		return nil, err
	}
	order, err := order(vocab, words)
	if err != nil {
		return nil, err
	}
	d.reorder(order)
	return vocab, nil
}

func fits(vocab corpus.Vocab, c sharnn.Config) error {
	if vocab.Len() != c.Symbols {
		return fmt.Errorf("encoder.weight has %d rows, the vocabulary %d %ss: it was trained on another text", c.Symbols, vocab.Len(), vocab.Unit())
	}
	return nil
}

// toFile makes a state dict of a model's folder.
func (s *settings) toFile(ctx context.Context, stdout io.Writer) error {
	if err := s.checkFile(); err != nil {
		return err
	}
	b, err := cpu.New(backend.Config{})
	if err != nil {
		return err
	}
	defer b.Close()
	m, d, err := loadFolder(b, s.from)
	if err != nil {
		return err
	}
	defer m.Free()
	model, criterion := m.StateDict()
	outputs := []output{{s.out, model}}
	if len(criterion) > 0 {
		outputs = append(outputs, output{beside(s.out), criterion})
	}
	if err := s.checkOutputs(outputs); err != nil {
		return err
	}
	reorders, err := s.numbered(ctx, m, d)
	if err != nil {
		return fmt.Errorf("%s: %w", s.from, err)
	}
	if reorders != nil {
		outputs[0].tensors = reordered(model, reorders)
	}
	if err := writeAll(ctx, filepath.Dir(s.out), outputs); err != nil {
		return fmt.Errorf("making %s: %w", s.out, err)
	}
	return s.reportFile(stdout, m, d, outputs)
}

// loadFolder reads a model as it is stored, but for int8, which becomes float32.
func loadFolder(b backend.Backend, dir string) (*sharnn.Model, *sharnn.Description, error) {
	d, err := sharnn.Describe(dir)
	if err != nil {
		return nil, nil, err
	}
	dtype := tensor.DType(0)
	if d.DType == tensor.Int8.String() {
		dtype = tensor.Float32
	}
	return sharnn.Load(b, dir, dtype)
}

// numbered is the order that gives a model's symbols the reference's numbers; nil
// for the model's own.
func (s *settings) numbered(ctx context.Context, m *sharnn.Model, d *sharnn.Description) ([]int, error) {
	words, err := s.dictionary(ctx)
	if err != nil || words == nil {
		return nil, err
	}
	vocab, err := d.LoadVocab(s.from)
	if err != nil {
		return nil, err
	}
	order, err := order(vocab, words)
	if err != nil {
		return nil, err
	}
	if moved(order) && m.Split != nil {
		return nil, errors.New("the groups of an adaptive softmax go by the symbols' numbers, and those of -data or -words are others: leave them out")
	}
	return inverse(order), nil
}

// output is a state dict to be written.
type output struct {
	path    string
	tensors []safetensors.Source
}

func (s *settings) checkOutputs(outputs []output) error {
	for _, o := range outputs {
		info, err := os.Stat(o.path)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return fmt.Errorf("converting: %w", err)
		case info.IsDir():
			return command.Usagef("%s is a folder: name another file with -o", o.path)
		case !s.force:
			return exists(o.path)
		}
	}
	return nil
}

func writeAll(ctx context.Context, dir string, outputs []output) error {
	return place(ctx, dir, func(temp string) error {
		for _, o := range outputs {
			if err := o.write(filepath.Join(temp, filepath.Base(o.path))); err != nil {
				return err
			}
		}
		return nil
	})
}

// write writes the state dict, with the tied matrix under both names. A file of
// safetensors must hold it twice.
func (o output) write(path string) error {
	if !strings.EqualFold(filepath.Ext(path), safetensorsExt) {
		return torchfile.Write(path, o.tensors, o.ties()...)
	}
	tensors := o.tensors
	for _, tie := range o.ties() {
		for _, x := range o.tensors {
			if x.Name == tie.Of {
				x.Name = tie.Name
				tensors = append(tensors, x)
			}
		}
	}
	return safetensors.Write(path, map[string]string{"format": "pt"}, tensors)
}

func (o output) ties() []torchfile.Tie {
	for _, x := range o.tensors {
		if x.Name == sharnn.EncoderWeight {
			return []torchfile.Tie{{Name: sharnn.DecoderWeight, Of: sharnn.EncoderWeight}}
		}
	}
	return nil
}
