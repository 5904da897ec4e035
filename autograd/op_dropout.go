package autograd

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Dropout multiplies x by the mask of a dropout site, counted row-major over
// x's shape. The mask is drawn anew in the backward pass, not stored.
func Dropout(x *Var, d backend.Dropout) *Var {
	if !d.On() {
		return x
	}
	return Apply(dropoutOp, d, x)[0]
}

var dropoutOp = &Op{
	Name: "dropout",
	Infer: func(attr any, in []Meta) []Meta {
		checkDropout("dropout", attr.(backend.Dropout), in, in[0].Shape...)
		return []Meta{in[0]}
	},
	Fwd: func(c *Call) {
		c.Backend.(backend.Dropper).Dropout(c.Out[0], c.Contiguous(c.In[0]), c.Attr.(backend.Dropout))
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		dx := c.New(c.In[0].DType, c.In[0].Shape...)
		c.Backend.(backend.Dropper).Dropout(dx, c.Contiguous(grads[0]), c.Attr.(backend.Dropout))
		return []*tensor.Tensor{dx}
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.Dropper); return ok },
	Ref: func(attr any, in []*Var) []*Var {
		return []*Var{Mul(in[0], mask(in[0].tape, attr.(backend.Dropout), in[0].Value.DType, in[0].Shape()...))}
	},
	Cases: func() []Case {
		drop := backend.Dropout{P: 0.4, Key: tensor.Key{Seed: 7, Step: 3, Site: 2}}
		return []Case{
			{Name: "rows", Attr: drop, In: []Operand{{Shape: []int{5, 7}}}},
			{Name: "strided", Attr: drop, In: []Operand{{Shape: []int{5, 3}, View: (*tensor.Tensor).Transpose}}},
		}
	},
}

// mask is a dropout site's multipliers as a constant of the given shape.
func mask(t *Tape, d backend.Dropout, dtype tensor.DType, shape ...int) *Var {
	if d.Mask != nil {
		return t.newVar(d.Mask.Reshape(shape...), false)
	}
	m := backend.New(t.Backend, dtype, shape...)
	t.Backend.Random(m, backend.Dist{Kind: backend.Mask, A: d.P}, d.Key)
	return t.Own(m)
}

// checkDropout holds a site against the shape that its mask must have, up to
// axes of length 1.
func checkDropout(op string, d backend.Dropout, in []Meta, shape ...int) {
	switch {
	case d.P < 0 || d.P >= 1:
		fail(op, in, "a dropout probability outside [0, 1)")
	case d.Mask != nil && (d.Mask.Len() != tensor.Size(shape) || d.Mask.DType != in[0].DType || !d.Mask.Contiguous()):
		tensor.Panicf(op, []*tensor.Tensor{d.Mask}, "a dropout mask for %v of %v", shape, in[0].DType)
	}
}
