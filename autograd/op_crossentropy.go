package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// CrossEntropy is -log softmax(logits)[target] of each row, in nats: logits
// (..., V), targets int32 (...) in [0, V), result (...).
func CrossEntropy(logits, targets *Var) *Var {
	return Apply(crossEntropyOp, nil, logits, targets)[0]
}

// LinearCrossEntropy is CrossEntropy of the logits x w^T + b: x (..., H), w
// (V, H), b (V), targets int32 (...) in [0, V), result (...). Where the backend
// has a kernel for it, the logits are never all held: the gradient computes them
// again, which costs a third more arithmetic. Beside float32, w may be bfloat16
// or Int8.
func LinearCrossEntropy(x, w, b, targets *Var) *Var {
	return Apply(linearCrossEntropyOp, nil, x, w, b, targets)[0]
}

var crossEntropyOp = &Op{
	Name: "cross_entropy",
	Infer: func(_ any, in []Meta) []Meta {
		logits, targets := in[0].Shape, in[1].Shape
		n := len(logits) - 1
		if in[1].DType != tensor.Int32 || n < 0 || len(targets) != n || tensor.Size(targets) != tensor.Size(logits[:n]) {
			fail("cross_entropy", in, "want logits (..., V) and int32 targets (...)")
		}
		return []Meta{{in[0].DType, targets}}
	},
	Fwd: func(c *Call) {
		logits, n := c.rows(c.Contiguous(c.In[0])), c.In[1].Len()
		lse := c.Save(logits.DType, n)
		c.Backend.(backend.CrossEntropyer).CrossEntropy(c.reshape(c.Out[0], n), lse, logits, c.reshape(c.Contiguous(c.In[1]), n))
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		logits, n := c.rows(c.Contiguous(c.In[0])), c.In[1].Len()
		d := c.New(logits.DType, logits.Shape...)
		c.Backend.(backend.CrossEntropyer).CrossEntropyGrad(d, logits, c.Saved[0],
			c.reshape(c.Contiguous(c.In[1]), n), c.reshape(c.Contiguous(grads[0]), n))
		return []*tensor.Tensor{c.reshape(d, c.In[0].Shape...), nil}
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.CrossEntropyer); return ok },
	Ref: func(_ any, in []*Var) []*Var {
		logits, targets := in[0], in[1]
		logp := LogSoftmax(logits)
		hit := Equal(Reshape(targets, append(append([]int{}, targets.Shape()...), 1)...), iota32(logits.tape, logits.Value.Dim(-1)))
		zero := logits.tape.Own(backend.Zeros(logits.tape.Backend, logits.Value.DType))
		loss := Scale(Sum(Select(hit, logp, zero), -1), -1)
		return []*Var{Reshape(loss, targets.Shape()...)}
	},
	Cases: func() []Case {
		return []Case{
			{Name: "rows", In: []Operand{{Shape: []int{6, 5}}, {Shape: []int{6}, Index: 5}}},
			{Name: "sequence", In: []Operand{{Shape: []int{3, 2, 17}}, {Shape: []int{3, 2}, Index: 17}}},
			{Name: "one symbol", In: []Operand{{Shape: []int{3, 1}}, {Shape: []int{3}, Index: 1}}},
			{Name: "large numbers", In: []Operand{{Shape: []int{4, 3}, Map: func(x float64) float64 { return 100 * x }}, {Shape: []int{4}, Index: 3}}},
		}
	},
}

// iota32 is 0, 1, ..., n-1 as a constant.
func iota32(t *Tape, n int) *Var {
	index := make([]int32, n)
	for i := range index {
		index[i] = int32(i)
	}
	return t.Own(backend.FromSlice(t.Backend, index, n))
}

var linearCrossEntropyOp = &Op{
	Name: "linear_cross_entropy",
	Infer: func(_ any, in []Meta) []Meta {
		x, w, b, targets := in[0].Shape, in[1].Shape, in[2].Shape, in[3].Shape
		n := len(x) - 1
		if in[3].DType != tensor.Int32 || n < 0 || len(w) != 2 || len(b) != 1 || x[n] != w[1] || b[0] != w[0] || !slices.Equal(targets, x[:n]) {
			fail("linear_cross_entropy", in, "want (..., H), (V, H), (V) and int32 targets (...)")
		}
		storedDType("linear_cross_entropy", in[:3], 1)
		return []Meta{{in[0].DType, targets}}
	},
	Fwd: func(c *Call) {
		n := c.In[3].Len()
		lse := c.Save(c.In[0].DType, n)
		x, w, b, targets := c.decoder()
		c.Backend.(backend.LinearCrossEntropyer).LinearCrossEntropy(c.reshape(c.Out[0], n), lse, x, w, b, targets)
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		out := make([]*tensor.Tensor, 4)
		var dx *tensor.Tensor // (N, H)
		for i, needed := range c.Needs {
			if needed {
				out[i] = c.New(c.In[i].DType, c.In[i].Shape...)
			}
		}
		if out[0] != nil {
			dx = c.rows(out[0])
		}
		x, w, b, targets := c.decoder()
		c.Backend.(backend.LinearCrossEntropyer).LinearCrossEntropyGrad(dx, out[1], out[2], x, w, b,
			c.Saved[0], targets, c.reshape(c.Contiguous(grads[0]), c.In[3].Len()))
		return out
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.LinearCrossEntropyer); return ok },
	Ref: func(_ any, in []*Var) []*Var {
		return []*Var{CrossEntropy(Linear(in[0], in[1], in[2]), in[3])}
	},
	Cases: func() []Case {
		operands := func(v int, x ...int) []Operand {
			n := len(x) - 1
			return []Operand{{Shape: x}, {Shape: []int{v, x[n]}}, {Shape: []int{v}}, {Shape: x[:n], Index: v}}
		}
		only := func(wanted int) []Operand {
			o := operands(6, 4, 3)
			for i := range o[:3] {
				o[i].Const = i != wanted
			}
			return o
		}
		strided := operands(4, 3, 5)
		strided[0] = Operand{Shape: []int{5, 3}, View: (*tensor.Tensor).Transpose}
		strided[1] = Operand{Shape: []int{5, 4}, View: (*tensor.Tensor).Transpose}
		return []Case{
			{Name: "rows", In: operands(5, 6, 3)},
			{Name: "sequence", In: operands(17, 3, 2, 4)},
			{Name: "one symbol", In: operands(1, 3, 4)},
			{Name: "x alone", In: only(0)},
			{Name: "weights alone", In: only(1)},
			{Name: "bias alone", In: only(2)},
			{Name: "strided", In: strided},
		}
	},
}

// decoder are the operands of a linear cross-entropy as its kernel takes them:
// x (N, H), w (V, H), b (V) and targets (N).
func (c *Call) decoder() (x, w, b, targets *tensor.Tensor) {
	return c.rows(c.Contiguous(c.In[0])), c.Contiguous(c.In[1]), c.Contiguous(c.In[2]), c.reshape(c.Contiguous(c.In[3]), c.In[3].Len())
}
