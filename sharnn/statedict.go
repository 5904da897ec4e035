package sharnn

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The tied matrix has two names in the reference's state dict.
const (
	EncoderWeight = "encoder.weight"
	DecoderWeight = "decoder.weight"
)

// FromStateDict makes a model of c of the tensors that PyTorch's state_dict()
// gives for the reference's model and, with c.Splits, its criterion, converting
// their dtype. The tied matrix may have either name, or both if the two are
// equal. The error names all that is missing, superfluous or of another shape;
// it comes before anything is allocated. The caller frees the model.
func FromStateDict(b backend.Backend, dtype tensor.DType, c Config, tensors []*safetensors.Tensor) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("model configuration: %w", err)
	}
	found, err := c.match(tensors)
	if err != nil {
		return nil, err
	}
	m, err := empty(b, dtype, c)
	if err != nil {
		return nil, err
	}
	for name, p := range m.Params() {
		if err := LoadTensor(b, found[name], p.Value); err != nil {
			m.Free()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return m, nil
}

// StateDict are the tensors of the model and of its criterion, which has some
// with Config.Splits alone, as the reference's state_dict() names them, but for
// [DecoderWeight], which is [EncoderWeight] again. A model of int8 has none
// (a panic): PyTorch does not know its blocks.
func (m *Model) StateDict() (model, criterion []safetensors.Source) {
	if m.DType == tensor.Int8 {
		panic(&tensor.Error{Op: "StateDict", Msg: "a model of int8: load it as float32"})
	}
	split := map[*nn.Param]bool{}
	if m.Split != nil {
		split[m.Split.TailVectors], split[m.Split.TailBias] = true, true
	}
	for name, p := range m.Params() {
		source := TensorSource(m.Backend, name, p.Value)
		if split[p] {
			criterion = append(criterion, source)
			continue
		}
		model = append(model, source)
	}
	return model, criterion
}

// match finds the tensor of each parameter.
func (c Config) match(tensors []*safetensors.Tensor) (map[string]*safetensors.Tensor, error) {
	found, faults := map[string]*safetensors.Tensor{}, []string{}
	for _, x := range tensors {
		if found[x.Name] != nil {
			faults = append(faults, "has two tensors called "+x.Name)
		}
		found[x.Name] = x
	}
	if err := tie(found); err != nil {
		return nil, err
	}
	want := c.shapes()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch x := found[name]; {
		case x == nil:
			faults = append(faults, "lacks "+describeTensor(name, want[name]))
		case !slices.Equal(x.Shape, want[name]):
			faults = append(faults, fmt.Sprintf("has %s instead of %d", describeTensor(name, x.Shape), want[name]))
		case !slices.Contains([]safetensors.DType{safetensors.F64, safetensors.F32, safetensors.F16, safetensors.BF16}, x.DType):
			faults = append(faults, fmt.Sprintf("has %s of %s", describeTensor(name, x.Shape), x.DType))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if want[name] == nil {
			faults = append(faults, "has "+describeTensor(name, found[name].Shape)+", for which the model has no place")
		}
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("the state dict is not that of a model of emsize %d, nhid %d, %d blocks, %d of which attend, and %d symbols: it %s",
			c.Width, c.Hidden, c.Layers, len(c.Attention), c.Symbols, strings.Join(faults, "; it "))
	}
	return found, nil
}

// tie leaves the tied matrix under its first name alone.
func tie(found map[string]*safetensors.Tensor) error {
	e, d := found[EncoderWeight], found[DecoderWeight]
	switch {
	case d == nil:
		return nil
	case e == nil:
		found[EncoderWeight] = d
	case e.DType != d.DType || !slices.Equal(e.Shape, d.Shape) || !bytes.Equal(e.Data, d.Data):
		return errors.New("the decoder is not tied to the embeddings, which the model wants: " +
			describeTensor(EncoderWeight, e.Shape) + " and " + describeTensor(DecoderWeight, d.Shape) + " differ")
	}
	delete(found, DecoderWeight)
	return nil
}

func describeTensor(name string, shape []int) string { return fmt.Sprintf("%s %d", name, shape) }

// shapes are those of the parameters of a model of c, by name.
func (c Config) shapes() map[string][]int {
	collapsed := c.Collapsed
	c.Collapsed = false // needs numbers
	m, err := empty(sizes{}, tensor.Float32, c)
	if err != nil {
		panic(err) // of the dtype alone: c has been checked
	}
	shapes := map[string][]int{}
	for _, l := range m.Blocks {
		if collapsed && l.Attn != nil {
			l.Attn.VQ = nil
		}
	}
	for name, p := range m.Params() {
		shapes[name] = p.Value.Shape
	}
	return shapes
}

// sizes is a backend for tensors that have shapes and no numbers.
type sizes struct{ backend.Backend }

func (sizes) Alloc(_ tensor.DType, n int) (tensor.Buffer, error) { return size(n), nil }
func (sizes) Fill(*tensor.Tensor, float64)                       {}

type size int

func (n size) Len() int { return int(n) }
