package autograd

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Softmax is exp(x)/sum(exp(x)) over the last axis.
func Softmax(x *Var) *Var { return Apply(softmaxOp, nil, x)[0] }

// LogSoftmax is x - log(sum(exp(x))) over the last axis.
func LogSoftmax(x *Var) *Var { return Apply(logSoftmaxOp, nil, x)[0] }

// CrossEntropy is -log softmax(logits)[target] of each row, in nats: logits
// (..., V), targets int32 (...) in [0, V), result (...).
func CrossEntropy(logits, targets *Var) *Var {
	return Apply(crossEntropyOp, nil, logits, targets)[0]
}

var softmaxOp = softmaxLike("softmax", false, func(in []*Var) *Var {
	e := Exp(Sub(in[0], Detach(Max(in[0], -1))))
	return Div(e, Sum(e, -1))
})

var logSoftmaxOp = softmaxLike("log_softmax", true, func(in []*Var) *Var {
	d := Sub(in[0], Detach(Max(in[0], -1)))
	return Sub(d, Log(Sum(Exp(d), -1)))
})

func softmaxLike(name string, log bool, ref func([]*Var) *Var) *Op {
	return &Op{
		Name: name,
		Infer: func(_ any, in []Meta) []Meta {
			floats(name, in)
			if len(in[0].Shape) < 1 {
				fail(name, in, "needs an axis")
			}
			return []Meta{in[0]}
		},
		Fwd: func(c *Call) {
			c.Backend.(backend.Softmaxer).Softmax(c.Out[0], c.Contiguous(c.In[0]), log)
		},
		VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
			dx := c.New(c.In[0].DType, c.In[0].Shape...)
			c.Backend.(backend.Softmaxer).SoftmaxGrad(dx, c.Out[0], c.Contiguous(grads[0]), log)
			return []*tensor.Tensor{dx}
		},
		Fused: func(b backend.Backend) bool { _, ok := b.(backend.Softmaxer); return ok },
		Ref:   func(_ any, in []*Var) []*Var { return []*Var{ref(in)} },
		Cases: func() []Case {
			return []Case{
				{Name: "row", In: []Operand{{Shape: []int{7}}}},
				{Name: "rows", In: []Operand{{Shape: []int{2, 3, 5}}}},
				{Name: "one column", In: []Operand{{Shape: []int{4, 1}}}},
				{Name: "large numbers", In: []Operand{{Shape: []int{3, 4}, Map: func(x float64) float64 { return 300 * x }}}},
				{Name: "strided", In: []Operand{{Shape: []int{5, 3}, View: (*tensor.Tensor).Transpose}}},
			}
		},
	}
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
		logits, n := rows(c.Contiguous(c.In[0])), c.In[1].Len()
		lse := c.Save(logits.DType, n)
		c.Backend.(backend.CrossEntropyer).CrossEntropy(c.Out[0].Reshape(n), lse, logits, c.Contiguous(c.In[1]).Reshape(n))
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		logits, n := rows(c.Contiguous(c.In[0])), c.In[1].Len()
		d := c.New(logits.DType, logits.Shape...)
		c.Backend.(backend.CrossEntropyer).CrossEntropyGrad(d, logits, c.Saved[0],
			c.Contiguous(c.In[1]).Reshape(n), c.Contiguous(grads[0]).Reshape(n))
		return []*tensor.Tensor{d.Reshape(c.In[0].Shape...), nil}
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
