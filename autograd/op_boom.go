package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Boom is the SHA-RNN feed-forward without a second matrix: u = x w^T + b, then
// the sum over j of columns j*H to (j+1)*H of drop(GELU(u)). x is (..., H), w
// (F, H), b (F); columns past the last whole chunk are dropped. The site d
// counts over (..., F). Beside float32, w may be bfloat16 or Int8. (Paper section 3.3; reference Boom with shortcut.)
func Boom(x, w, b *Var, d backend.Dropout) *Var { return Apply(boomOp, d, x, w, b)[0] }

var boomOp = &Op{
	Name: "boom",
	Infer: func(attr any, in []Meta) []Meta {
		x, w, b := in[0].Shape, in[1].Shape, in[2].Shape
		storedDType("boom", in, 1)
		if len(x) < 1 || len(w) != 2 || len(b) != 1 || w[1] != x[len(x)-1] || b[0] != w[0] || w[0] < w[1] {
			fail("boom", in, "want (..., H), (F, H) and (F) with F at least H")
		}
		checkDropout("boom", attr.(backend.Dropout), in, append(slices.Clone(x[:len(x)-1]), w[0])...)
		return []Meta{in[0]}
	},
	Fwd: func(c *Call) {
		x, w := c.rows(c.Contiguous(c.In[0])), c.Contiguous(c.In[1])
		u := c.Save(c.inner(x.DType), x.Shape[0], w.Shape[0])
		c.Backend.(backend.Boomer).Boom(c.rows(c.Out[0]), u, x, w, c.Contiguous(c.In[2]), c.Attr.(backend.Dropout))
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		u := c.Saved[0]
		c.Backend.(backend.Boomer).BoomGrad(u, u, c.rows(c.Contiguous(grads[0])), c.Attr.(backend.Dropout))
		return c.linearGrad(u)
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.Boomer); return ok },
	Ref: func(attr any, in []*Var) []*Var {
		a := Dropout(GELU(Linear(in[0], in[1], in[2])), attr.(backend.Dropout))
		h := in[0].Value.Dim(-1)
		chunks := a.Value.Dim(-1) / h
		a = Slice(a, -1, 0, chunks*h)
		lead := slices.Clone(in[0].Shape()[:in[0].Value.Rank()-1])
		y := Sum(Reshape(a, append(lead, chunks, h)...), -2)
		return []*Var{Reshape(y, in[0].Shape()...)}
	},
	Cases: func() []Case {
		operands := func(f int, x ...int) []Operand {
			h := x[len(x)-1]
			return []Operand{{Shape: x}, {Shape: []int{f, h}}, {Shape: []int{f}}}
		}
		drop := backend.Dropout{P: 0.3, Key: tensor.Key{Seed: 1, Step: 2, Site: 3}}
		frozen := operands(8, 3, 4)
		frozen[1].Const, frozen[2].Const = true, true
		return []Case{
			{Name: "four chunks", Attr: backend.Dropout{}, In: operands(12, 5, 2, 3)},
			{Name: "a tail", Attr: backend.Dropout{}, In: operands(11, 4, 3)},
			{Name: "dropout", Attr: drop, In: operands(10, 7, 5)},
			{Name: "frozen weights", Attr: drop, In: frozen},
		}
	},
}
