package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Gather takes rows of a table (V, ...) by an int32 index (I...), giving
// (I..., ...): an embedding. Rows of a bfloat16 or Int8 table become float32.
func Gather(table, index *Var) *Var { return Apply(gatherOp, nil, table, index)[0] }

var gatherOp = &Op{
	Name: "gather",
	Infer: func(_ any, in []Meta) []Meta {
		if in[1].DType != tensor.Int32 || len(in[0].Shape) < 1 {
			fail("gather", in, "want a table (V, ...) and an int32 index")
		}
		return []Meta{{in[0].DType.Compute(), slices.Concat(in[1].Shape, in[0].Shape[1:])}}
	},
	Fwd: func(c *Call) { c.Backend.Gather(c.Out[0], c.In[0], c.In[1]) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		d := c.New(c.In[0].DType, c.In[0].Shape...)
		c.Backend.Fill(d, 0)
		c.Backend.ScatterAdd(d, grads[0], c.In[1])
		return []*tensor.Tensor{d, nil}
	},
	Cases: func() []Case {
		return []Case{
			{Name: "repeated rows", In: []Operand{{Shape: []int{5, 3}}, {Shape: []int{4, 6}, Index: 5}}},
			{Name: "vector table", In: []Operand{{Shape: []int{7}}, {Shape: []int{3}, Index: 7}}},
			{Name: "nothing", In: []Operand{{Shape: []int{7, 2}}, {Shape: []int{0}, Index: 7}}},
		}
	},
}

// Select is x where cond (int32) is not 0, else y, with broadcasting.
func Select(cond, x, y *Var) *Var { return Apply(selectOp, nil, cond, x, y)[0] }

var selectOp = &Op{
	Name: "select",
	Infer: func(_ any, in []Meta) []Meta {
		if in[0].DType != tensor.Int32 {
			fail("select", in, "the condition is not int32")
		}
		sameDType("select", in[1:])
		shape := tensor.BroadcastShape("select", in[1].Shape, in[2].Shape)
		return []Meta{{in[1].DType, tensor.BroadcastShape("select", in[0].Shape, shape)}}
	},
	Fwd: func(c *Call) { c.Backend.Select(c.Out[0], c.In[0], c.In[1], c.In[2]) },
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		g, cond := grads[0], c.In[0]
		zero := c.New(g.DType)
		c.Backend.Fill(zero, 0)
		out := make([]*tensor.Tensor, 3)
		for i := 1; i < 3; i++ {
			if !c.Needs[i] {
				continue
			}
			d, pick := c.New(g.DType, g.Shape...), [2]*tensor.Tensor{g, zero}
			c.Backend.Select(d, cond, pick[i-1], pick[2-i])
			out[i] = c.unbroadcast(d, c.In[i].Shape)
		}
		return out
	},
	Cases: func() []Case {
		return []Case{
			{Name: "same", In: []Operand{{Shape: []int{3, 5}, Index: 2}, {Shape: []int{3, 5}}, {Shape: []int{3, 5}}}},
			{Name: "broadcast", In: []Operand{{Shape: []int{3, 1}, Index: 2}, {Shape: []int{5}}, {}}},
		}
	},
}

// Less is x < y as int32 ones and zeros, with broadcasting.
func Less(x, y *Var) *Var { return Apply(lessOp, nil, x, y)[0] }

// Equal is x == y as int32 ones and zeros, with broadcasting.
func Equal(x, y *Var) *Var { return Apply(equalOp, nil, x, y)[0] }

var (
	lessOp  = compareOp("less", backend.Less)
	equalOp = compareOp("equal", backend.Equal)
)

func compareOp(name string, f backend.Binary) *Op {
	return &Op{
		Name: name,
		Infer: func(_ any, in []Meta) []Meta {
			sameDType(name, in)
			return []Meta{{tensor.Int32, tensor.BroadcastShape(name, in[0].Shape, in[1].Shape)}}
		},
		Fwd: func(c *Call) { c.Backend.Binary(f, c.Out[0], c.In[0], c.In[1]) },
		// A step function: its gradient is zero wherever it has one.
		VJP: nil,
		Cases: func() []Case {
			return []Case{{Name: "indices", In: []Operand{{Shape: []int{4, 1}, Index: 3}, {Shape: []int{3}, Index: 3}}}}
		},
	}
}
