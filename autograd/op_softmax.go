package autograd

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Softmax is exp(x)/sum(exp(x)) over the last axis.
func Softmax(x *Var) *Var { return Apply(softmaxOp, nil, x)[0] }

// LogSoftmax is x - log(sum(exp(x))) over the last axis.
func LogSoftmax(x *Var) *Var { return Apply(logSoftmaxOp, nil, x)[0] }

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
