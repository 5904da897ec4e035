package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// Reshape shows x in another shape; one length may be -1. It is a view, and
// copies first only where x's strides forbid one.
func Reshape(x *Var, shape ...int) *Var {
	if !x.Value.CanReshape(shape...) {
		x = Copy(x)
	}
	return Apply(reshapeOp, x.Value.Reshape(shape...).Shape, x)[0]
}

// Permute reorders axes: axis i of the result is axis perm[i] of x. A view.
func Permute(x *Var, perm ...int) *Var { return Apply(permuteOp, perm, x)[0] }

// Transpose swaps the last two axes. A view.
func Transpose(x *Var) *Var {
	perm := make([]int, x.Value.Rank())
	for i := range perm {
		perm[i] = i
	}
	n := len(perm)
	if n < 2 {
		tensor.Panicf("Transpose", []*tensor.Tensor{x.Value}, "needs two axes")
	}
	perm[n-1], perm[n-2] = n-2, n-1
	return Permute(x, perm...)
}

// Slice shows rows lo <= i < hi of an axis. A view.
func Slice(x *Var, axis, lo, hi int) *Var {
	return Apply(sliceOp, span{x.Value.Axis("slice", axis), lo, hi}, x)[0]
}

// Broadcast repeats x to shape. A view.
func Broadcast(x *Var, shape ...int) *Var { return Apply(broadcastOp, shape, x)[0] }

// Copy is x in a contiguous tensor of its own.
func Copy(x *Var) *Var { return Apply(copyOp, nil, x)[0] }

// Concat joins tensors along an axis.
func Concat(axis int, xs ...*Var) *Var {
	return Apply(concatOp, xs[0].Value.Axis("concat", axis), xs...)[0]
}

// span are rows of an axis.
type span struct{ axis, lo, hi int }

var reshapeOp = viewOp("reshape",
	func(attr any, x *tensor.Tensor) *tensor.Tensor { return x.Reshape(attr.([]int)...) },
	func(c *Call, g *tensor.Tensor) *tensor.Tensor {
		return c.Contiguous(g).Reshape(c.In[0].Shape...)
	}, func() []Case {
		return []Case{
			{Name: "merge", Attr: []int{6, 4}, In: []Operand{{Shape: []int{2, 3, 4}}}},
			{Name: "split", Attr: []int{2, 1, 6}, In: []Operand{{Shape: []int{12}}}},
			{Name: "to rank 0", Attr: []int{}, In: []Operand{{Shape: []int{1, 1}}}},
		}
	})

var permuteOp = viewOp("permute",
	func(attr any, x *tensor.Tensor) *tensor.Tensor { return x.Permute(attr.([]int)...) },
	func(c *Call, g *tensor.Tensor) *tensor.Tensor {
		perm := c.Attr.([]int)
		inverse := make([]int, len(perm))
		for i, p := range perm {
			inverse[p] = i
		}
		return g.Permute(inverse...)
	}, func() []Case {
		return []Case{
			{Name: "swap", Attr: []int{1, 0}, In: []Operand{{Shape: []int{3, 5}}}},
			{Name: "rotate", Attr: []int{2, 0, 1}, In: []Operand{{Shape: []int{2, 3, 4}}}},
		}
	})

var sliceOp = viewOp("slice",
	func(attr any, x *tensor.Tensor) *tensor.Tensor {
		s := attr.(span)
		return x.Slice(s.axis, s.lo, s.hi)
	},
	func(c *Call, g *tensor.Tensor) *tensor.Tensor {
		s := c.Attr.(span)
		d := c.New(g.DType, c.In[0].Shape...)
		c.Backend.Fill(d, 0)
		c.Backend.Copy(d.Slice(s.axis, s.lo, s.hi), g)
		return d
	}, func() []Case {
		return []Case{
			{Name: "first axis", Attr: span{0, 1, 3}, In: []Operand{{Shape: []int{4, 3}}}},
			{Name: "last axis", Attr: span{1, 2, 5}, In: []Operand{{Shape: []int{3, 5}}}},
			{Name: "all", Attr: span{0, 0, 4}, In: []Operand{{Shape: []int{4}}}},
			{Name: "none", Attr: span{0, 2, 2}, In: []Operand{{Shape: []int{4, 2}}}},
		}
	})

var broadcastOp = viewOp("broadcast",
	func(attr any, x *tensor.Tensor) *tensor.Tensor { return x.Broadcast(attr.([]int)...) },
	func(c *Call, g *tensor.Tensor) *tensor.Tensor { return c.unbroadcast(g, c.In[0].Shape) },
	func() []Case {
		return []Case{
			{Name: "rows", Attr: []int{4, 3}, In: []Operand{{Shape: []int{3}}}},
			{Name: "columns", Attr: []int{2, 3, 5}, In: []Operand{{Shape: []int{3, 1}}}},
			{Name: "scalar", Attr: []int{2, 2}, In: []Operand{{}}},
		}
	})

// viewOp is an op whose result looks into its operand's buffer.
func viewOp(name string, view func(any, *tensor.Tensor) *tensor.Tensor, grad func(*Call, *tensor.Tensor) *tensor.Tensor, cases func() []Case) *Op {
	return &Op{
		Name: name,
		// The view itself checks its shape; the header it makes is the result.
		Infer: func(any, []Meta) []Meta { return make([]Meta, 1) },
		View:  view,
		VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
			return []*tensor.Tensor{grad(c, grads[0])}
		},
		Cases: cases,
	}
}

var copyOp = &Op{
	Name:  "copy",
	Infer: func(_ any, in []Meta) []Meta { return []Meta{in[0]} },
	Fwd:   func(c *Call) { c.Backend.Copy(c.Out[0], c.In[0]) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		return []*tensor.Tensor{grads[0]}
	},
	Cases: func() []Case {
		return []Case{
			{Name: "dense", In: []Operand{{Shape: []int{3, 4}}}},
			{Name: "strided", In: []Operand{{Shape: []int{3, 4}, View: (*tensor.Tensor).Transpose}}},
		}
	},
}

var concatOp = &Op{
	Name: "concat",
	Infer: func(attr any, in []Meta) []Meta {
		sameDType("concat", in)
		axis := attr.(int)
		shape := slices.Clone(in[0].Shape)
		for _, m := range in[1:] {
			if len(m.Shape) != len(shape) {
				fail("concat", in, "ranks differ")
			}
			for a, d := range m.Shape {
				switch {
				case a == axis:
					shape[a] += d
				case d != shape[a]:
					fail("concat", in, "lengths differ beside the axis joined")
				}
			}
		}
		return []Meta{{in[0].DType, shape}}
	},
	Fwd: func(c *Call) {
		lo, axis := 0, c.Attr.(int)
		for _, x := range c.In {
			hi := lo + x.Shape[axis]
			c.Backend.Copy(c.Out[0].Slice(axis, lo, hi), x)
			lo = hi
		}
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		out := make([]*tensor.Tensor, len(c.In))
		lo, axis := 0, c.Attr.(int)
		for i, x := range c.In {
			hi := lo + x.Shape[axis]
			if c.Needs[i] {
				out[i] = grads[0].Slice(axis, lo, hi)
			}
			lo = hi
		}
		return out
	},
	Cases: func() []Case {
		return []Case{
			{Name: "rows", Attr: 0, In: []Operand{{Shape: []int{2, 3}}, {Shape: []int{4, 3}}, {Shape: []int{1, 3}}}},
			{Name: "columns", Attr: 1, In: []Operand{{Shape: []int{3, 2}}, {Shape: []int{3, 5}}}},
			{Name: "with an empty one", Attr: 0, In: []Operand{{Shape: []int{0, 3}}, {Shape: []int{2, 3}}}},
			{Name: "constant beside", Attr: 0, In: []Operand{{Shape: []int{2, 3}, Const: true}, {Shape: []int{2, 3}}}},
		}
	},
}

// Convert is x in another dtype. Gradients do not flow through it.
func Convert(x *Var, dtype tensor.DType) *Var { return Apply(convertOp, dtype, x)[0] }

var convertOp = &Op{
	Name: "convert",
	Infer: func(attr any, in []Meta) []Meta {
		return []Meta{{attr.(tensor.DType), in[0].Shape}}
	},
	Fwd: func(c *Call) { c.Backend.Copy(c.Out[0], c.In[0]) },
	Cases: func() []Case {
		return []Case{{Name: "from int32", Attr: tensor.Float64, In: []Operand{{Shape: []int{5}, Index: 9}}}}
	},
}
