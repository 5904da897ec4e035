package sharnn

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The files of a model in its folder.
const (
	ConfigFile  = "config.json"
	WeightsFile = "model.safetensors"
)

// Description is config.json: what a folder's model is. Vocab lists the bytes
// that the symbols stand for, in the symbols' order; a model without one is
// over bare ids.
type Description struct {
	Config
	DType string          `json:"dtype"`
	Vocab json.RawMessage `json:"vocab,omitempty"`
}

// Save writes a model's folder, made where it is not there. Each file takes the
// old one's place only when it is whole and on the disk; extra goes into the
// weights' metadata.
func (m *Model) Save(dir string, vocab json.RawMessage, extra map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	var sources []safetensors.Source
	for name, p := range m.Params() {
		sources = append(sources, TensorSource(m.Backend, name, p.Value))
	}
	if err := safetensors.Write(filepath.Join(dir, WeightsFile), extra, sources); err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	doc, err := json.MarshalIndent(Description{m.Config, m.DType.String(), vocab}, "", "  ")
	if err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	err = safetensors.WriteAtomic(filepath.Join(dir, ConfigFile), func(w io.Writer) error {
		_, err := w.Write(append(doc, '\n'))
		return err
	})
	if err != nil {
		return fmt.Errorf("saving the model: %w", err)
	}
	return nil
}

// TensorSource writes a tensor on a backend to a safetensors file when its turn
// comes.
func TensorSource(b backend.Backend, name string, x *tensor.Tensor) safetensors.Source {
	return safetensors.Source{Name: name, DType: safetensors.DTypeOf(x.DType), Shape: x.Shape, Data: func(w io.Writer) error {
		bytes := make([]byte, x.Len()*x.DType.Size())
		if err := b.Read(bytes, x); err != nil {
			return err
		}
		_, err := w.Write(bytes)
		return err
	}}
}

// Describe reads a folder's config.json.
func Describe(dir string) (*Description, error) {
	path := filepath.Join(dir, ConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the model's description: %w", err)
	}
	var d Description
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("reading the model's description: %s: %w", path, err)
	}
	if err := d.Check(); err != nil {
		return nil, fmt.Errorf("reading the model's description: %s: %w", path, err)
	}
	return &d, nil
}

// Load reads a model from its folder. dtype 0 takes the folder's own.
func Load(b backend.Backend, dir string, dtype tensor.DType) (*Model, *Description, error) {
	d, err := Describe(dir)
	if err != nil {
		return nil, nil, err
	}
	if dtype == 0 {
		if dtype, err = tensor.ParseDType(d.DType); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", filepath.Join(dir, ConfigFile), err)
		}
	}
	path := filepath.Join(dir, WeightsFile)
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	// The weights bound what the configuration may ask for, so that a damaged
	// description cannot make the program allocate without end.
	if err := plausible(d.Config, f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	m, err := empty(b, dtype, d.Config)
	if err != nil {
		return nil, nil, err
	}
	if err := LoadTensors(b, f, m.Params()); err != nil {
		m.Free()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, d, nil
}

// plausible holds the sizes that everything follows from against the file.
func plausible(c Config, f *safetensors.File) error {
	check := func(name string, rows int) error {
		x, err := f.Lookup(name)
		if err != nil {
			return err
		}
		if shape := []int{rows, c.Width}; !slices.Equal(x.Shape, shape) {
			return fmt.Errorf("%s is %v, the configuration says %v", name, x.Shape, shape)
		}
		return nil
	}
	if err := check("encoder.weight", c.Symbols); err != nil {
		return err
	}
	for i := range c.Layers {
		if err := check(fmt.Sprintf("blocks.%d.ff.linear1.weight", i), c.Hidden); err != nil {
			return err
		}
		if err := check(fmt.Sprintf("blocks.%d.rnn.weight_hh_l0", i), 4*c.Width); err != nil {
			return err
		}
	}
	return nil
}

// LoadTensors fills parameters from the file's tensors of the same names,
// converting their dtype. A missing or surplus tensor or another shape is an
// error that names it.
func LoadTensors(b backend.Backend, f *safetensors.File, params func(func(string, *nn.Param) bool)) error {
	known := map[string]bool{"decoder.weight": true} // the reference's files hold the tied matrix twice
	for name, p := range params {
		known[name] = true
		x, err := f.Lookup(name)
		if err != nil {
			return err
		}
		if !slices.Equal(x.Shape, p.Value.Shape) {
			return fmt.Errorf("%s is %v, the model's is %v", name, x.Shape, p.Value.Shape)
		}
		if err := LoadTensor(b, x, p.Value); err != nil {
			return err
		}
	}
	for _, x := range f.Tensors {
		if !known[x.Name] {
			return fmt.Errorf("the file has %s, the model has not", x.Name)
		}
	}
	return nil
}

// LoadTensor copies a file's tensor into dst, of the same shape, converting.
func LoadTensor(b backend.Backend, x *safetensors.Tensor, dst *tensor.Tensor) error {
	if x.DType == safetensors.DTypeOf(dst.DType) {
		return b.Write(dst, x.Data)
	}
	numbers, err := x.Float64s()
	if err != nil {
		return err
	}
	wide := backend.New(b, tensor.Float64, dst.Shape...)
	defer backend.Release(b, wide)
	if err := b.Write(wide, tensor.Bytes(numbers)); err != nil {
		return err
	}
	b.Copy(dst, wide)
	return nil
}
