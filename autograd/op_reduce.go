package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Sum adds over axes, which stay with length 1. Without axes it adds all
// elements into a single number of rank 0.
func Sum(x *Var, axes ...int) *Var { return reduce(sumOp, x, axes) }

// Max is the largest element over axes, which stay with length 1; without
// axes, of all. Equal maxima share the gradient.
func Max(x *Var, axes ...int) *Var { return reduce(maxOp, x, axes) }

// Mean is Sum divided by the number of elements folded.
func Mean(x *Var, axes ...int) *Var {
	s := Sum(x, axes...)
	return Scale(s, float64(s.Value.Len())/float64(x.Value.Len()))
}

func reduce(op *Op, x *Var, axes []int) *Var {
	folded := make([]int, 0, len(axes))
	for _, a := range axes {
		folded = append(folded, x.Value.Axis(op.Name, a))
	}
	if len(axes) > 0 {
		return Apply(op, folded, x)[0]
	}
	for a := range x.Shape() {
		folded = append(folded, a)
	}
	return Reshape(Apply(op, folded, x)[0])
}

var sumOp = &Op{
	Name:  "sum",
	Infer: inferReduce("sum"),
	Fwd:   func(c *Call) { c.Backend.Reduce(backend.Sum, c.Out[0], c.In[0]) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		return []*tensor.Tensor{grads[0].Broadcast(c.In[0].Shape...)}
	},
	Cases: reduceCases,
}

var maxOp = &Op{
	Name:  "max",
	Infer: inferReduce("max"),
	Fwd:   func(c *Call) { c.Backend.Reduce(backend.Max, c.Out[0], c.In[0]) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		x, y := c.In[0], c.Out[0]
		at := c.New(tensor.Int32, x.Shape...)
		c.Backend.Binary(backend.Equal, at, x, y)
		d := c.New(x.DType, x.Shape...)
		c.Backend.Copy(d, at)
		ties := c.New(y.DType, y.Shape...)
		c.Backend.Reduce(backend.Sum, ties, d)
		c.Backend.Binary(backend.Div, ties, grads[0], ties)
		c.Backend.Binary(backend.Mul, d, d, ties)
		return []*tensor.Tensor{d}
	},
	Cases: reduceCases,
}

func inferReduce(name string) func(any, []Meta) []Meta {
	return func(attr any, in []Meta) []Meta {
		floats(name, in)
		shape := slices.Clone(in[0].Shape)
		for _, a := range attr.([]int) {
			shape[a] = 1
		}
		return []Meta{{in[0].DType, shape}}
	}
}

func reduceCases() []Case {
	return []Case{
		{Name: "last", Attr: []int{1}, In: []Operand{{Shape: []int{3, 5}}}},
		{Name: "first", Attr: []int{0}, In: []Operand{{Shape: []int{7, 3, 2}}}},
		{Name: "outer", Attr: []int{0, 2}, In: []Operand{{Shape: []int{4, 3, 5}}}},
		{Name: "all", Attr: []int{0, 1}, In: []Operand{{Shape: []int{3, 4}}}},
		{Name: "strided", Attr: []int{0}, In: []Operand{{Shape: []int{4, 3}, View: (*tensor.Tensor).Transpose}}},
	}
}
