package onnx

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// writes are v's bytes, little-endian as the format wants.
func writes[T int64 | float32](v []T) func(io.Writer) error {
	return func(w io.Writer) error {
		var buf []byte
		for chunk := range slices.Chunk(v, 1<<13) {
			var err error
			if buf, err = binary.Append(buf[:0], binary.LittleEndian, chunk); err != nil {
				return err
			}
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	}
}

// weights turns a model's parameters into initializers and knows which have had
// their turn.
type weights struct {
	b     backend.Backend
	g     *graph
	names map[*nn.Param]string
	seen  map[*nn.Param]bool
}

func newWeights(m *sharnn.Model, g *graph) *weights {
	w := &weights{b: m.Backend, g: g, names: map[*nn.Param]string{}, seen: map[*nn.Param]bool{}}
	for name, p := range m.Params() {
		w.names[p] = name
	}
	return w
}

// param is a parameter as it is.
func (w *weights) param(p *nn.Param) string {
	w.seen[p] = true
	return w.g.constant(initializer{name: w.names[p], elem: float32Type, dims: p.Value.Shape, write: w.read(p, nil)})
}

// skip leaves parameters out on which no output depends.
func (w *weights) skip(parts ...any) {
	for i, part := range parts {
		for _, p := range nn.Join(nn.Named{Name: fmt.Sprint(i), Part: part}) {
			w.seen[p] = true
		}
	}
}

// read reads the parameter when it is written, and changes what it read.
func (w *weights) read(p *nn.Param, change func([]float32) []float32) func(io.Writer) error {
	return func(out io.Writer) error {
		data, err := backend.Data[float32](w.b, p.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", w.names[p], err)
		}
		if change != nil {
			data = change(data)
		}
		return writes(data)(out)
	}
}

// gateMatrix is one of an LSTM's matrices (4H, I) as ONNX has it: (1, 4H, I).
func (w *weights) gateMatrix(p *nn.Param) string {
	w.seen[p] = true
	return w.g.constant(initializer{
		name: w.names[p], doc: "rows in ONNX's order of gates: input, output, forget, cell", elem: float32Type,
		dims: append([]int{1}, p.Value.Shape...), write: w.read(p, reorder),
	})
}

// gateBias is both of an LSTM's biases (4H) as ONNX has them: (1, 8H).
func (w *weights) gateBias(name string, ih, hh *nn.Param) string {
	w.seen[ih], w.seen[hh] = true, true
	return w.g.constant(initializer{
		name: name, doc: "bias_ih_l0 and bias_hh_l0, in ONNX's order of gates: input, output, forget, cell", elem: float32Type,
		dims: []int{1, ih.Value.Len() + hh.Value.Len()}, write: func(out io.Writer) error {
			if err := w.read(ih, reorder)(out); err != nil {
				return err
			}
			return w.read(hh, reorder)(out)
		},
	})
}

// reorder takes four equal parts from the order i, f, g, o to ONNX's i, o, f, c,
// where c is what others call g.
func reorder(x []float32) []float32 {
	n := len(x) / 4
	part := func(i int) []float32 { return x[i*n : (i+1)*n] }
	return slices.Concat(part(0), part(3), part(1), part(2))
}

// valueScale is an attention's vs, collapsed if it is not yet. The model stays
// as it is.
func (w *weights) valueScale(a *sharnn.Attention) string {
	if a.VQ == nil {
		return w.param(a.VS)
	}
	w.skip(a.VQ, a.VS)
	return w.g.constant(initializer{
		name: w.names[a.VS], doc: "collapsed: sigmoid(f) * tanh(c) with (c, f) = vq.l1(sigmoid(vs))", elem: float32Type,
		dims: a.VS.Value.Shape, write: func(out io.Writer) error {
			t := autograd.NewTape(w.b)
			defer t.Free()
			scale, err := backend.Data[float32](w.b, a.VQ.Forward(autograd.Logistic(a.VS.On(t))).Value)
			if err != nil {
				return fmt.Errorf("%s: %w", w.names[a.VS], err)
			}
			return writes(scale)(out)
		},
	})
}

// check finds a parameter that has no place in the graph, so that a model of
// another form is never exported as something that it is not.
func (w *weights) check(m *sharnn.Model) error {
	for name, p := range m.Params() {
		switch {
		case !w.seen[p]:
			return fmt.Errorf("%s: there is no ONNX form for a model with it", name)
		case p.Value.DType != tensor.Float32:
			return fmt.Errorf("%s is %v: load the model as float32", name, p.Value.DType)
		}
	}
	return nil
}
