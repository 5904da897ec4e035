package autograd

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Add is x + y with broadcasting.
func Add(x, y *Var) *Var { return Apply(addOp, nil, x, y)[0] }

// Sub is x - y with broadcasting.
func Sub(x, y *Var) *Var { return Apply(subOp, nil, x, y)[0] }

// Mul is the elementwise product with broadcasting.
func Mul(x, y *Var) *Var { return Apply(mulOp, nil, x, y)[0] }

// Div is x / y, elementwise with broadcasting.
func Div(x, y *Var) *Var { return Apply(divOp, nil, x, y)[0] }

// Scale is a*x.
func Scale(x *Var, a float64) *Var { return Shift(x, a, 0) }

// Shift is a*x + b.
func Shift(x *Var, a, b float64) *Var {
	return Apply(affineOp, backend.Unary{Kind: backend.Affine, A: a, B: b}, x)[0]
}

// Power is x^a for a constant a.
func Power(x *Var, a float64) *Var {
	return Apply(powerOp, backend.Unary{Kind: backend.Power, A: a}, x)[0]
}

// Exp is e^x.
func Exp(x *Var) *Var { return Apply(expOp, unary(backend.Exp), x)[0] }

// Log is the natural logarithm.
func Log(x *Var) *Var { return Apply(logOp, unary(backend.Log), x)[0] }

// Sqrt is the square root.
func Sqrt(x *Var) *Var { return Apply(sqrtOp, unary(backend.Sqrt), x)[0] }

// Tanh is the hyperbolic tangent.
func Tanh(x *Var) *Var { return Apply(tanhOp, unary(backend.Tanh), x)[0] }

// Logistic is 1/(1+e^-x).
func Logistic(x *Var) *Var { return Apply(logisticOp, unary(backend.Logistic), x)[0] }

// GELU is x*s(1.702x), s the logistic function, as in the reference SHA-RNN.
func GELU(x *Var) *Var { return Apply(geluOp, unary(backend.GELU), x)[0] }

// GELUTanh is x/2*(1+tanh(sqrt(2/pi)*(x+0.044715x^3))), as in GPT-2.
func GELUTanh(x *Var) *Var { return Apply(geluTanhOp, unary(backend.GELUTanh), x)[0] }

func unary(k backend.UnaryKind) backend.Unary { return backend.Unary{Kind: k} }

var addOp = binaryOp("add", backend.Add, func(c *Call, g *tensor.Tensor) (dx, dy *tensor.Tensor) {
	return g, g
}, nil)

var subOp = binaryOp("sub", backend.Sub, func(c *Call, g *tensor.Tensor) (dx, dy *tensor.Tensor) {
	if c.Needs[1] {
		dy = c.unary(backend.Unary{Kind: backend.Affine, A: -1}, g)
	}
	return g, dy
}, nil)

var mulOp = binaryOp("mul", backend.Mul, func(c *Call, g *tensor.Tensor) (dx, dy *tensor.Tensor) {
	if c.Needs[0] {
		dx = c.binary(backend.Mul, g, c.In[1])
	}
	if c.Needs[1] {
		dy = c.binary(backend.Mul, g, c.In[0])
	}
	return dx, dy
}, nil)

// d(x/y) = g/y, -g*(x/y)/y.
var divOp = binaryOp("div", backend.Div, func(c *Call, g *tensor.Tensor) (dx, dy *tensor.Tensor) {
	dx = c.binary(backend.Div, g, c.In[1])
	if c.Needs[1] {
		dy = c.binary(backend.Mul, dx, c.Out[0])
		c.Backend.Unary(backend.Unary{Kind: backend.Affine, A: -1}, dy, dy)
	}
	return dx, dy
}, awayFromZero)

// binaryOp is an elementwise op of two operands; grad gives gradients in the
// result's shape, which are then folded to the operands'.
func binaryOp(name string, f backend.Binary, grad func(*Call, *tensor.Tensor) (dx, dy *tensor.Tensor), domain func(float64) float64) *Op {
	return &Op{
		Name: name,
		Infer: func(_ any, in []Meta) []Meta {
			sameDType(name, in)
			return []Meta{{in[0].DType, tensor.BroadcastShape(name, in[0].Shape, in[1].Shape)}}
		},
		Fwd: func(c *Call) { c.Backend.Binary(f, c.Out[0], c.In[0], c.In[1]) },
		VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
			dx, dy := grad(c, grads[0])
			out := make([]*tensor.Tensor, 2)
			for i, d := range []*tensor.Tensor{dx, dy} {
				if c.Needs[i] {
					out[i] = c.unbroadcast(d, c.In[i].Shape)
				}
			}
			return out
		},
		Cases: func() []Case { return binaryCases(domain) },
	}
}

func binaryCases(domain func(float64) float64) []Case {
	pair := func(name string, x, y []int) Case {
		return Case{Name: name, In: []Operand{{Shape: x}, {Shape: y, Map: domain}}}
	}
	return []Case{
		pair("same", []int{3, 5}, []int{3, 5}),
		pair("row", []int{4, 3, 5}, []int{5}),
		pair("column", []int{3, 5}, []int{3, 1}),
		pair("outer", []int{3, 1}, []int{1, 7}),
		pair("scalar", []int{2, 3}, nil),
		pair("empty", []int{0, 3}, []int{3}),
		{Name: "strided", In: []Operand{
			{Shape: []int{5, 3}, View: (*tensor.Tensor).Transpose},
			{Shape: []int{3, 5}, Map: domain}}},
	}
}

var affineOp = unaryOp("affine", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.unary(backend.Unary{Kind: backend.Affine, A: c.Attr.(backend.Unary).A}, g)
}, nil, backend.Unary{Kind: backend.Affine, A: -1.5, B: 0.25})

var powerOp = unaryOp("power", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	a := c.Attr.(backend.Unary).A
	d := c.unary(backend.Unary{Kind: backend.Power, A: a - 1}, c.In[0])
	c.Backend.Unary(backend.Unary{Kind: backend.Affine, A: a}, d, d)
	c.Backend.Binary(backend.Mul, d, d, g)
	return d
}, positive, backend.Unary{Kind: backend.Power, A: 2.5})

var expOp = unaryOp("exp", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.Mul, g, c.Out[0])
}, nil, unary(backend.Exp))

var logOp = unaryOp("log", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.Div, g, c.In[0])
}, positive, unary(backend.Log))

var sqrtOp = unaryOp("sqrt", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	d := c.binary(backend.Div, g, c.Out[0])
	c.Backend.Unary(backend.Unary{Kind: backend.Affine, A: 0.5}, d, d)
	return d
}, positive, unary(backend.Sqrt))

var tanhOp = unaryOp("tanh", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.TanhGrad, c.Out[0], g)
}, nil, unary(backend.Tanh))

var logisticOp = unaryOp("logistic", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.LogisticGrad, c.Out[0], g)
}, nil, unary(backend.Logistic))

var geluOp = unaryOp("gelu", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.GELUGrad, c.In[0], g)
}, nil, unary(backend.GELU))

var geluTanhOp = unaryOp("gelu_tanh", func(c *Call, g *tensor.Tensor) *tensor.Tensor {
	return c.binary(backend.GELUTanhGrad, c.In[0], g)
}, nil, unary(backend.GELUTanh))

// unaryOp is an elementwise op whose function is its attribute; attr is the
// one its cases use, domain maps test numbers into the function's domain.
func unaryOp(name string, grad func(*Call, *tensor.Tensor) *tensor.Tensor, domain func(float64) float64, attr backend.Unary) *Op {
	return &Op{
		Name: name,
		Infer: func(_ any, in []Meta) []Meta {
			floats(name, in)
			return []Meta{in[0]}
		},
		Fwd: func(c *Call) { c.Backend.Unary(c.Attr.(backend.Unary), c.Out[0], c.In[0]) },
		VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
			return []*tensor.Tensor{grad(c, grads[0])}
		},
		Cases: func() []Case {
			return []Case{
				{Name: "vector", Attr: attr, In: []Operand{{Shape: []int{17}, Map: domain}}},
				{Name: "cube", Attr: attr, In: []Operand{{Shape: []int{2, 3, 5}, Map: domain}}},
				{Name: "scalar", Attr: attr, In: []Operand{{Map: domain}}},
				{Name: "empty", Attr: attr, In: []Operand{{Shape: []int{0}, Map: domain}}},
				{Name: "strided", Attr: attr, In: []Operand{{Shape: []int{4, 3}, Map: domain, View: (*tensor.Tensor).Transpose}}},
			}
		},
	}
}

func positive(x float64) float64 { return math.Abs(x) + 0.5 }

func awayFromZero(x float64) float64 { return math.Copysign(math.Abs(x)+0.5, x) }

func (c *Call) unary(f backend.Unary, x *tensor.Tensor) *tensor.Tensor {
	d := c.New(x.DType, x.Shape...)
	c.Backend.Unary(f, d, x)
	return d
}

// binary is f over operands of which the first has the result's shape.
func (c *Call) binary(f backend.Binary, x, y *tensor.Tensor) *tensor.Tensor {
	d := c.New(x.DType, tensor.BroadcastShape("gradient", x.Shape, y.Shape)...)
	c.Backend.Binary(f, d, x, y)
	return d
}

// unbroadcast folds a gradient to the shape that its operand had before it was
// broadcast: repeated elements' gradients add up, in float32 where d is bfloat16.
// d is spent.
func (c *Call) unbroadcast(d *tensor.Tensor, shape []int) *tensor.Tensor {
	folded, same := make([]int, len(d.Shape)), len(d.Shape) == len(shape)
	lead := len(d.Shape) - len(shape)
	for i := range folded {
		folded[i] = 1
		if i >= lead {
			folded[i] = shape[i-lead]
		}
		same = same && folded[i] == d.Shape[i]
	}
	if same {
		return d
	}
	sum := c.New(d.DType.Compute(), folded...)
	c.Backend.Reduce(backend.Sum, sum, d)
	return c.reshape(sum, shape...)
}

func sameDType(op string, in []Meta) {
	for _, m := range in[1:] {
		if m.DType != in[0].DType {
			fail(op, in, "operands of "+in[0].DType.String()+" and "+m.DType.String())
		}
	}
}

// storedDType is sameDType and floats for operands of which those at the places
// may be weights of a dtype that is only stored.
func storedDType(op string, in []Meta, places ...int) {
	computed := append(make([]Meta, 0, 8), in...) // stays on the stack
	for _, i := range places {
		computed[i].DType = in[i].DType.Compute()
	}
	sameDType(op, computed)
	floats(op, computed)
}

func floats(op string, in []Meta) {
	for _, m := range in {
		if !m.DType.IsFloat() {
			fail(op, in, "an operand of "+m.DType.String())
		}
	}
}
