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
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The files of a model in its folder.
const (
	ConfigFile  = "config.json"
	WeightsFile = "model.safetensors"
)

// Description is config.json: what a folder's model is. Vocab lists the bytes
// that the symbols stand for, in the symbols' order, or is "bpe" where they are
// the tokens of the folder's vocab.json and merges.txt; a model without one is
// over bare ids.
type Description struct {
	Config
	DType string          `json:"dtype"`
	Vocab json.RawMessage `json:"vocab,omitempty"`
}

// Save writes a model's folder, made where it is not there, with the vocabulary,
// or without one where vocab is nil. Each file takes the old one's place only
// when it is whole and on the disk; extra goes into the weights' metadata. The
// matrices of a model of int8, which the format does not know, are written as
// they are stored: bytes (rows, bytes of a row).
func (m *Model) Save(dir string, vocab corpus.Vocab, extra map[string]string) error {
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
	d := Description{Config: m.Config, DType: m.DType.String()}
	if vocab != nil {
		var err error
		if d.Vocab, err = vocab.Save(dir); err != nil {
			return fmt.Errorf("saving the model: %w", err)
		}
	}
	doc, err := json.MarshalIndent(d, "", "  ")
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
	source := safetensors.Source{Name: name, DType: safetensors.DTypeOf(x.DType), Shape: x.Shape}
	if x.DType == tensor.Int8 {
		source.DType, source.Shape = safetensors.U8, blockShape(x.Shape)
	}
	source.Data = func(w io.Writer) error {
		bytes := make([]byte, x.DType.Bytes(x.DType.Room(x.Shape)))
		if err := b.Read(bytes, x); err != nil {
			return err
		}
		_, err := w.Write(bytes)
		return err
	}
	return source
}

// blockShape is the shape of the bytes that hold a matrix of int8.
func blockShape(shape []int) []int {
	if len(shape) != 2 {
		return nil
	}
	return []int{shape[0], tensor.Int8.Bytes(tensor.Int8.Room([]int{1, shape[1]}))}
}

// holds tells whether a file's tensor has a shape, in blocks where it is bytes.
func holds(x *safetensors.Tensor, shape []int) bool {
	if x.DType == safetensors.U8 {
		shape = blockShape(shape)
	}
	return shape != nil && slices.Equal(x.Shape, shape)
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

// Load reads a model from its folder. dtype 0 takes the folder's own. A model of
// bfloat16 or Int8 is only read, it cannot be trained: its matrices are
// converted one by one as they are read and kept in that dtype alone, its
// vectors are float32, and its attentions are collapsed.
func Load(b backend.Backend, dir string, dtype tensor.DType) (*Model, *Description, error) {
	d, err := Describe(dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := safetensors.Open(filepath.Join(dir, WeightsFile))
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	m, err := d.Model(b, f, dtype)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, d, nil
}

// Model reads the model that d describes from a file of weights, as Load does.
func (d *Description) Model(b backend.Backend, weights *safetensors.File, dtype tensor.DType) (*Model, error) {
	if dtype == 0 {
		var err error
		if dtype, err = tensor.ParseDType(d.DType); err != nil {
			return nil, fmt.Errorf("%s: %w", ConfigFile, err)
		}
	}
	// The weights bound what the configuration may ask for, so that a damaged
	// description cannot make the program allocate without end.
	if err := plausible(d.Config, weights); err != nil {
		return nil, fmt.Errorf("%s: %w", WeightsFile, err)
	}
	m, err := empty(b, dtype, d.Config)
	if err != nil {
		return nil, err
	}
	if err := LoadTensors(b, weights, m.Params()); err != nil {
		m.Free()
		return nil, fmt.Errorf("%s: %w", WeightsFile, err)
	}
	if !trainable(dtype) {
		m.Collapse()
	}
	return m, nil
}

// plausible holds the sizes that everything follows from against the file.
func plausible(c Config, f *safetensors.File) error {
	check := func(name string, rows int) error {
		x, err := f.Lookup(name)
		if err != nil {
			return err
		}
		if shape := []int{rows, c.Width}; !holds(x, shape) {
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
		if !holds(x, p.Value.Shape) {
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
	switch {
	case x.DType == safetensors.U8 && dst.DType == tensor.Int8:
		return b.Write(dst, x.Data)
	case x.DType == safetensors.U8:
		return throughTensor(b, x.Data, dst, tensor.Int8, tensor.Float32)
	case dst.DType != tensor.Int8 && x.DType == safetensors.DTypeOf(dst.DType):
		return b.Write(dst, x.Data)
	case x.DType == safetensors.F32:
		return throughTensor(b, x.Data, dst, tensor.Float32)
	case dst.DType == tensor.Int8:
		return convertTensor(b, x.Float32s, dst)
	}
	return convertTensor(b, x.Float64s, dst)
}

func convertTensor[T tensor.Elem](b backend.Backend, numbers func() ([]T, error), dst *tensor.Tensor) error {
	data, err := numbers()
	if err != nil {
		return err
	}
	return throughTensor(b, tensor.Bytes(data), dst, tensor.DTypeOf[T]())
}

// throughTensor copies data of the first dtype into dst, by way of the others.
func throughTensor(b backend.Backend, data []byte, dst *tensor.Tensor, dtypes ...tensor.DType) error {
	x := backend.New(b, dtypes[0], dst.Shape...)
	defer func() { backend.Release(b, x) }()
	if err := b.Write(x, data); err != nil {
		return err
	}
	for _, d := range dtypes[1:] {
		y := backend.New(b, d, dst.Shape...)
		b.Copy(y, x)
		backend.Release(b, x)
		x = y
	}
	b.Copy(dst, x)
	return nil
}
