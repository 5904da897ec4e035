package autograd

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// LayerNorm normalises the last axis of x (..., H) to mean 0 and variance 1
// (the biased one, eps added) and applies weight and bias (H).
func LayerNorm(x, weight, bias *Var, eps float64) *Var {
	return Apply(layerNormOp, eps, x, weight, bias)[0]
}

var layerNormOp = &Op{
	Name: "layer_norm",
	Infer: func(_ any, in []Meta) []Meta {
		sameDType("layer_norm", in)
		floats("layer_norm", in)
		x, w, b := in[0].Shape, in[1].Shape, in[2].Shape
		if len(x) < 1 || len(w) != 1 || len(b) != 1 || w[0] != x[len(x)-1] || b[0] != w[0] {
			fail("layer_norm", in, "want (..., H), (H) and (H)")
		}
		return []Meta{in[0]}
	},
	Fwd: func(c *Call) {
		x := c.rows(c.Contiguous(c.In[0]))
		mean, rstd := c.Save(x.DType, x.Shape[0]), c.Save(x.DType, x.Shape[0])
		c.Backend.(backend.LayerNormer).LayerNorm(c.rows(c.Out[0]), mean, rstd, x,
			c.Contiguous(c.In[1]), c.Contiguous(c.In[2]), c.Attr.(float64))
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		out := make([]*tensor.Tensor, 3)
		for i, x := range c.In {
			if c.Needs[i] {
				out[i] = c.New(x.DType, x.Shape...)
			}
		}
		dx := out[0]
		if dx != nil {
			dx = c.rows(dx)
		}
		c.Backend.(backend.LayerNormer).LayerNormGrad(dx, out[1], out[2], c.rows(c.Contiguous(c.In[0])),
			c.Contiguous(c.In[1]), c.Saved[0], c.Saved[1], c.rows(c.Contiguous(grads[0])))
		return out
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.LayerNormer); return ok },
	Ref: func(attr any, in []*Var) []*Var {
		x := Sub(in[0], Mean(in[0], -1))
		scale := Power(Shift(Mean(Mul(x, x), -1), 1, attr.(float64)), -0.5)
		return []*Var{Add(Mul(Mul(x, scale), in[1]), in[2])}
	},
	Cases: func() []Case {
		operands := func(x ...int) []Operand {
			h := x[len(x)-1]
			return []Operand{{Shape: x}, {Shape: []int{h}}, {Shape: []int{h}}}
		}
		frozen := operands(4, 6)
		frozen[1].Const, frozen[2].Const = true, true
		strided := operands(6, 6)
		strided[0].View = (*tensor.Tensor).Transpose
		return []Case{
			{Name: "rows", Attr: 1e-5, In: operands(4, 7)},
			{Name: "sequence", Attr: 1e-12, In: operands(3, 2, 12)},
			{Name: "frozen weights", Attr: 1e-5, In: frozen},
			{Name: "strided", Attr: 1e-5, In: strided},
		}
	},
}
