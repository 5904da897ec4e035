package nn

import (
	"iter"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Param is a trainable tensor.
type Param struct{ Value *tensor.Tensor }

// NewParam allocates a parameter filled with one value.
func NewParam(b backend.Backend, dtype tensor.DType, fill float64, shape ...int) *Param {
	p := &Param{backend.New(b, dtype, shape...)}
	b.Fill(p.Value, fill)
	return p
}

// On puts the parameter on a tape, once.
func (p *Param) On(t *autograd.Tape) *autograd.Var { return t.Leaf(p.Value) }

// Normal draws the parameter from a normal distribution of mean 0.
func (p *Param) Normal(b backend.Backend, std float64, key tensor.Key) {
	b.Random(p.Value, backend.Dist{Kind: backend.Normal, B: std}, key)
}

// Uniform draws the parameter from [-bound, bound).
func (p *Param) Uniform(b backend.Backend, bound float64, key tensor.Key) {
	b.Random(p.Value, backend.Dist{Kind: backend.Uniform, A: -bound, B: bound}, key)
}

// Module is anything with named parameters, in the order of the reference's
// state dict.
type Module interface {
	Params() iter.Seq2[string, *Param]
}

// Named is a parameter or a module under its name in a larger one.
type Named struct {
	Name string
	Part any // *Param or Module; a nil *Param is skipped
}

// Join lists the parameters of parts, with "name." before a module's.
func Join(parts ...Named) iter.Seq2[string, *Param] {
	return func(yield func(string, *Param) bool) {
		for _, part := range parts {
			if p, ok := part.Part.(*Param); ok {
				if p != nil && !yield(part.Name, p) {
					return
				}
				continue
			}
			for name, p := range part.Part.(Module).Params() {
				if !yield(part.Name+"."+name, p) {
					return
				}
			}
		}
	}
}

// Free gives a module's parameters back to the backend.
func Free(b backend.Backend, m Module) {
	for _, p := range m.Params() {
		backend.Release(b, p.Value)
	}
}

// Tensors are a module's parameter values, in order: what a tape tracks to
// train it.
func Tensors(m Module) []*tensor.Tensor {
	var out []*tensor.Tensor
	for _, p := range m.Params() {
		out = append(out, p.Value)
	}
	return out
}
