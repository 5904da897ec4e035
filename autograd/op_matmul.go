package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// MatMul is the matrix product over the last two axes: (..., M, K) times
// (..., K, N) gives (..., M, N). Leading axes broadcast. A transposed factor
// costs nothing: give a [Transpose] of it. Beside float32, b may be a matrix of
// bfloat16 or Int8, or its transpose.
func MatMul(a, b *Var) *Var { return Apply(matMulOp, nil, a, b)[0] }

// Linear is x w^T + b for x (..., I), w (O, I), b (O): a layer's product in the
// layout of the reference's weights. Beside float32, w may be bfloat16 or Int8.
func Linear(x, w, b *Var) *Var { return Apply(linearOp, nil, x, w, b)[0] }

var matMulOp = &Op{
	Name: "matmul",
	Infer: func(_ any, in []Meta) []Meta {
		storedDType("matmul", in, 1)
		a, b := in[0].Shape, in[1].Shape
		m, n := len(a)-2, len(b)-2
		if m < 0 || n < 0 || a[m+1] != b[n] {
			fail("matmul", in, "want (..., M, K) and (..., K, N)")
		}
		shape := tensor.BroadcastShape("matmul", a[:m], b[:n])
		return []Meta{{in[0].DType, append(shape, a[m], b[n+1])}}
	},
	Fwd: func(c *Call) { c.Backend.MatMul(c.Out[0], c.In[0], c.In[1], false) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		a, b, g := c.In[0], c.In[1], grads[0]
		out := make([]*tensor.Tensor, 2)
		if c.Needs[0] {
			out[0] = c.unbroadcast(c.matMul(g, b.Transpose()), a.Shape)
		}
		if c.Needs[1] {
			out[1] = c.unbroadcast(c.matMul(a.Transpose(), g), b.Shape)
		}
		return out
	},
	Cases: func() []Case {
		pair := func(name string, a, b []int) Case {
			return Case{Name: name, In: []Operand{{Shape: a}, {Shape: b}}}
		}
		return []Case{
			pair("plain", []int{3, 5}, []int{5, 4}),
			pair("vector-like", []int{1, 5}, []int{5, 1}),
			pair("batched", []int{2, 3, 4, 5}, []int{2, 3, 5, 2}),
			pair("shared right factor", []int{3, 4, 5}, []int{5, 2}),
			pair("broadcast batch", []int{3, 1, 2, 4}, []int{2, 4, 3}),
			pair("no inner length", []int{3, 0}, []int{0, 2}),
			{Name: "both transposed", In: []Operand{
				{Shape: []int{5, 3}, View: (*tensor.Tensor).Transpose},
				{Shape: []int{4, 5}, View: (*tensor.Tensor).Transpose}}},
		}
	},
}

// matMul is a b with leading axes broadcast, in float32 where a is bfloat16.
func (c *Call) matMul(a, b *tensor.Tensor) *tensor.Tensor {
	m, n := len(a.Shape)-2, len(b.Shape)-2
	shape := append(tensor.BroadcastShape("matmul", a.Shape[:m], b.Shape[:n]), a.Shape[m], b.Shape[n+1])
	d := c.New(a.DType.Compute(), shape...)
	c.Backend.MatMul(d, a, b, false)
	return d
}

var linearOp = &Op{
	Name: "linear",
	Infer: func(_ any, in []Meta) []Meta {
		storedDType("linear", in, 1)
		x, w, b := in[0].Shape, in[1].Shape, in[2].Shape
		if len(x) < 1 || len(w) != 2 || len(b) != 1 || x[len(x)-1] != w[1] || b[0] != w[0] {
			fail("linear", in, "want (..., I), (O, I) and (O)")
		}
		shape := slices.Clone(x)
		shape[len(x)-1] = w[0]
		return []Meta{{in[0].DType, shape}}
	},
	Fwd: func(c *Call) {
		x, w, b := c.In[0], c.In[1], c.In[2]
		y := c.rows(c.Out[0])
		c.Backend.Copy(y, b.Broadcast(y.Shape...))
		c.Backend.MatMul(y, c.rows(c.Contiguous(x)), c.transpose(w), true)
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		return c.linearGrad(c.rows(c.Contiguous(grads[0])))
	},
	Cases: func() []Case {
		return []Case{
			{Name: "matrix", In: []Operand{{Shape: []int{5, 3}}, {Shape: []int{4, 3}}, {Shape: []int{4}}}},
			{Name: "sequence", In: []Operand{{Shape: []int{3, 2, 5}}, {Shape: []int{7, 5}}, {Shape: []int{7}}}},
			{Name: "vector", In: []Operand{{Shape: []int{6}}, {Shape: []int{2, 6}}, {Shape: []int{2}}}},
			{Name: "frozen weights", In: []Operand{{Shape: []int{2, 3}}, {Shape: []int{4, 3}, Const: true}, {Shape: []int{4}, Const: true}}},
		}
	},
}

// linearGrad turns the gradient g (N, O) of x w^T + b into those of x, w, b:
// g w, g^T x and the sum over rows.
func (c *Call) linearGrad(g *tensor.Tensor) []*tensor.Tensor {
	x, w, b := c.In[0], c.In[1], c.In[2]
	out := make([]*tensor.Tensor, 3)
	if c.Needs[0] {
		out[0] = c.reshape(c.matMul(g, w), x.Shape...)
	}
	if c.Needs[1] {
		out[1] = c.matMul(c.transpose(g), c.rows(c.Contiguous(x)))
	}
	if c.Needs[2] {
		out[2] = c.unbroadcast(g, b.Shape)
	}
	return out
}
