package gpt2

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/mapped"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// Open reads the model in a folder, its matrices as dtype. The caller frees it.
func Open(b backend.Backend, dtype tensor.DType, dir string) (*Model, error) {
	c, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	w, err := openWeights(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the model's weights: %w", err)
	}
	// A damaged description cannot make the program name layers without end.
	if len(w.tensors) < c.Layers {
		err := fmt.Errorf("%s has %d tensors, %s says n_layer is %d", w.where, len(w.tensors), filepath.Join(dir, ConfigFile), c.Layers)
		return nil, errors.Join(fmt.Errorf("reading the model's weights: %w", err), closeAll(w.files))
	}
	m, err := empty(b, dtype, c)
	if err != nil {
		return nil, errors.Join(err, closeAll(w.files))
	}
	hash, err := m.load(w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the model's weights: %w", err), m.Free())
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, errors.Join(err, m.Free())
	}
	m.describe(filepath.Base(dir), hash)
	return m, nil
}

// load gives every parameter its value, keeps the files open that any is mapped
// from, and returns the weights' hash.
func (m *Model) load(w *weights) (hash string, err error) {
	m.files = w.files
	slots := m.slots()
	// All is looked at before anything is allocated: a damaged description
	// cannot ask for more than the files hold.
	if err := w.check(slots); err != nil {
		return "", err
	}
	if err := w.tied(); err != nil {
		return "", err
	}
	h, inPlace := newHash(), false
	for _, s := range slots {
		f := w.tensors[s.name]
		if err := h.add(s.name, f.x); err != nil {
			return "", fmt.Errorf("%s: tensor %q: %w", f.path, f.x.Name, err)
		}
		if x := m.mapped(s, f.x); x != nil {
			s.put(x)
			inPlace = true
			continue
		}
		if err := m.read(s, f.x); err != nil {
			return "", fmt.Errorf("%s: tensor %q: %w", f.path, f.x.Name, err)
		}
	}
	if !inPlace {
		m.files = nil
		return h.sum(), closeAll(w.files)
	}
	return h.sum(), nil
}

// mapped is a tensor over the file's own memory, or nil where its type is
// another or the backend cannot.
func (m *Model) mapped(s slot, x *safetensors.Tensor) *tensor.Tensor {
	if typeOf(x) != s.dtype {
		return nil
	}
	return m.over(s.dtype, x.Data, s.shape)
}

// over is a tensor over mem, or nil where the backend cannot.
func (m *Model) over(d tensor.DType, mem []byte, shape []int) *tensor.Tensor {
	b, ok := m.Backend.(backend.Mapper)
	if !ok {
		return nil
	}
	buf, ok := b.Map(d, mem)
	if !ok {
		return nil
	}
	return tensor.New(buf, d, shape...)
}

// typeOf is the type of a file's tensor, or 0 if this project has none for it.
func typeOf(x *safetensors.Tensor) tensor.DType {
	switch x.DType {
	case safetensors.F32:
		return tensor.Float32
	case safetensors.F64:
		return tensor.Float64
	case safetensors.BF16:
		return tensor.BFloat16
	}
	return 0
}

// read gives a parameter its value, converted from the file's.
func (m *Model) read(s slot, x *safetensors.Tensor) error {
	d, data := typeOf(x), x.Data
	if d == 0 {
		numbers, err := x.Float32s()
		if err != nil {
			return err
		}
		d, data = tensor.Float32, tensor.Bytes(numbers)
	}
	from := m.over(d, data, s.shape)
	if from == nil {
		from = backend.New(m.Backend, d, s.shape...)
		if err := m.Backend.Write(from, data); err != nil {
			backend.Release(m.Backend, from)
			return err
		}
	}
	row := len(x.Data) / s.shape[0]
	m.convert(s, from, func(lo, hi int) { mapped.Forget(x.Data[lo*row : hi*row]) })
	backend.Release(m.Backend, from)
	return nil
}

// check holds the files' tensors against what the configuration asks for.
func (w *weights) check(slots []slot) error {
	known := map[string]bool{}
	for _, s := range slots {
		known[s.name] = true
		f, ok := w.tensors[s.name]
		if !ok {
			return fmt.Errorf("%s: there is no tensor %q, with or without \"transformer.\" before it; the configuration wants it, of shape %v", w.where, s.name, s.shape)
		}
		if !slices.Equal(f.x.Shape, s.shape) {
			return fmt.Errorf("%s: tensor %q has shape %v, the configuration wants %v", f.path, f.x.Name, f.x.Shape, s.shape)
		}
		switch f.x.DType {
		case safetensors.F16, safetensors.BF16, safetensors.F32, safetensors.F64:
		default:
			return fmt.Errorf("%s: tensor %q holds %s, want F16, BF16, F32 or F64", f.path, f.x.Name, f.x.DType)
		}
	}
	for name, f := range w.tensors {
		if !known[name] && !derived(name) {
			return fmt.Errorf("%s: tensor %q belongs to no part of the model that the configuration describes", f.path, f.x.Name)
		}
	}
	return nil
}
