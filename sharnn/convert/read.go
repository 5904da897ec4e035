package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// tailVectors has a row for each group of the criterion's but the head.
const tailVectors = "tail_vectors"

// dict are the tensors of open files.
type dict struct {
	tensors []*safetensors.Tensor
	files   []io.Closer
}

func (d *dict) Close() error {
	var err error
	for _, f := range d.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

func (d *dict) lookup(name string) *safetensors.Tensor {
	for _, x := range d.tensors {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// open reads the state dict of a model and, where there is one, of its
// criterion: in the same file, or in the one that is named or lies beside it.
func (s *settings) open() (*dict, error) {
	d := &dict{}
	if err := d.add(s.from); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.unwrap(sharnn.EncoderWeight, sharnn.DecoderWeight)
	d.unwrap(tailVectors)
	path := s.criterion
	if path == "" && s.splits != noSplits && d.lookup(tailVectors) == nil {
		path = beside(s.from)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return d, nil
		}
	}
	if path == "" {
		return d, nil
	}
	c := &dict{}
	// Without groups the reference's criterion has no tensors.
	if err := c.add(path); err != nil && !errors.Is(err, torchfile.ErrNoTensors) {
		return nil, errors.Join(err, c.Close(), d.Close())
	}
	c.unwrap(tailVectors)
	return &dict{append(d.tensors, c.tensors...), append(d.files, c.files...)}, nil
}

// beside is where the criterion's state dict lies beside a model's.
func beside(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + ".criterion" + ext
}

// add takes in the tensors of a file.
func (d *dict) add(path string) error {
	if strings.EqualFold(filepath.Ext(path), safetensorsExt) {
		f, err := safetensors.Open(path)
		if err != nil {
			return err
		}
		d.files = append(d.files, f)
		for i := range f.Tensors {
			d.tensors = append(d.tensors, &f.Tensors[i])
		}
		return nil
	}
	f, err := torchfile.Open(path)
	if err != nil {
		return explain(err)
	}
	d.files = append(d.files, f)
	for _, name := range f.Names {
		x, err := f.Lookup(name)
		if err != nil {
			return err
		}
		d.tensors = append(d.tensors, x)
	}
	return nil
}

// explain says what to do with a file of whole modules.
func explain(err error) error {
	var refused *torchfile.GlobalError
	if !errors.As(err, &refused) {
		return err
	}
	return fmt.Errorf("%w: whole Python objects, as the reference's main.py saves them, are code as well as numbers. "+
		"Make a state dict where its model.py is: model, criterion = torch.load(FILE, map_location=\"cpu\"); torch.save(model.state_dict(), \"state.pt\") (docs/pytorch.md)", err)
}

// unwrap takes off what stands before all names of a module: "model." where it
// lay in a dictionary under that key, "0." in a list, "module." of DataParallel.
// It is found by a tensor that the module has under one of names.
func (d *dict) unwrap(names ...string) {
	prefix, found := "", false
	for _, x := range d.tensors {
		for _, name := range names {
			p, ok := strings.CutSuffix(x.Name, name)
			if ok && (p == "" || strings.HasSuffix(p, ".")) && (!found || len(p) < len(prefix)) {
				prefix, found = p, true
			}
		}
	}
	if prefix == "" {
		return
	}
	for i, x := range d.tensors {
		if name, ok := strings.CutPrefix(x.Name, prefix); ok {
			y := *x
			y.Name = name
			d.tensors[i] = &y
		}
	}
}
