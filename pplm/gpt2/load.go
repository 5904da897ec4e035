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
	m, err := empty(b, dtype, c)
	if err != nil {
		return nil, err
	}
	w, err := openWeights(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the model's weights: %w", err)
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
	h, inPlace := newHash(), false
	for _, s := range slots {
		f := w.tensors[s.name]
		h.add(s.name, f.x)
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
	b, ok := m.Backend.(backend.Mapper)
	if !ok || s.dtype == tensor.Int8 || safetensors.DTypeOf(s.dtype) != x.DType {
		return nil
	}
	buf, ok := b.Map(s.dtype, x.Data)
	if !ok {
		return nil
	}
	return tensor.New(buf, s.dtype, s.shape...)
}

// read gives a parameter its value. Only a layer's matrix is ever there in a
// wider type as a whole.
func (m *Model) read(s slot, x *safetensors.Tensor) error {
	if s.conv {
		wide := backend.New(m.Backend, m.info.DType, s.shape...)
		err := m.fill(wide, x)
		m.take(s, wide)
		return err
	}
	s.put(backend.New(m.Backend, s.dtype, s.shape...))
	return m.fill(s.param.Value, x)
}

// pieceLen is about how many elements are converted at a time.
const pieceLen = 1 << 20

// fill copies a file's tensor into dst, some rows at a time.
func (m *Model) fill(dst *tensor.Tensor, x *safetensors.Tensor) error {
	rows := x.Shape[0]
	width := tensor.Size(x.Shape[1:])
	step := max(1, pieceLen/width)
	for lo := 0; lo < rows; lo += step {
		hi := min(rows, lo+step)
		piece := rowsOf(x, lo, hi)
		if err := m.fillRows(dst.Slice(0, lo, hi), piece); err != nil {
			return err
		}
		mapped.Forget(piece.Data)
	}
	return nil
}

// rowsOf shows rows lo to hi of a file's tensor.
func rowsOf(x *safetensors.Tensor, lo, hi int) *safetensors.Tensor {
	row := len(x.Data) / x.Shape[0]
	return &safetensors.Tensor{Name: x.Name, DType: x.DType, Shape: append([]int{hi - lo}, x.Shape[1:]...), Data: x.Data[lo*row : hi*row]}
}

// fillRows copies a tensor of a file, converting.
func (m *Model) fillRows(dst *tensor.Tensor, x *safetensors.Tensor) error {
	switch {
	case dst.DType != tensor.Int8 && x.DType == safetensors.DTypeOf(dst.DType):
		return m.Backend.Write(dst, x.Data)
	case x.DType == safetensors.F64:
		return through(m.Backend, tensor.Float64, x.Data, dst)
	case x.DType == safetensors.F32:
		return through(m.Backend, tensor.Float32, x.Data, dst)
	}
	data, err := x.Float32s()
	if err != nil {
		return err
	}
	return through(m.Backend, tensor.Float32, tensor.Bytes(data), dst)
}

// through copies data of a dtype into dst. Float64 becomes Int8 by way of
// float32.
func through(b backend.Backend, dtype tensor.DType, data []byte, dst *tensor.Tensor) error {
	x := backend.New(b, dtype, dst.Shape...)
	defer func() { backend.Release(b, x) }()
	if err := b.Write(x, data); err != nil {
		return err
	}
	if dtype == tensor.Float64 && dst.DType == tensor.Int8 {
		wide := x
		x = backend.New(b, tensor.Float32, dst.Shape...)
		b.Copy(x, wide)
		backend.Release(b, wide)
	}
	b.Copy(dst, x)
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
