package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Meta is what shape rules see of a tensor.
type Meta struct {
	DType tensor.DType
	Shape []int
}

// Op is one operation: everything about it stands in its one value.
//
// A basic op has Fwd and, unless it is not differentiable, VJP. A view op has
// View instead of Fwd. A fused op has Ref as well, the same computation in
// other ops: it is recorded in place of the op where Fused says that the
// backend has no kernel, and where a gradient is wanted of an op without VJP.
type Op struct {
	Name string

	// Infer gives the results' shapes and dtypes, at most three, and panics with
	// a *tensor.Error where the operands do not fit. It does not keep its slice.
	Infer func(attr any, in []Meta) []Meta

	// Fwd computes Out from In.
	Fwd func(c *Call)

	// View makes the one result a view of the one operand.
	View func(attr any, x *tensor.Tensor) *tensor.Tensor

	// VJP turns the results' gradients (nil for a result nobody used) into the
	// operands', computing only those that Call.Needs asks for (nil elsewhere).
	// What it returns is either new (Call.New) or a gradient it was given, or a
	// view of one of these; never a view of an activation. It keeps neither
	// slice.
	VJP func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor

	// Partial: VJP may leave out a gradient that is asked for, where the results
	// that were used do not depend on the operand.
	Partial bool

	// Fused tells whether the backend has the op's kernel.
	Fused func(b backend.Backend) bool

	// Ref is the op in terms of others: fallback, oracle, default gradient.
	Ref func(attr any, in []*Var) []*Var

	// Cases are what the gradient check and the comparison with Ref run.
	Cases func() []Case
}

// Case is one set of operands for an op's tests.
type Case struct {
	Name string
	Attr any
	In   []Operand
	Out  int // which result is differentiated; -1: all of them
}

// Operand is a test operand of standard normal numbers.
type Operand struct {
	Shape []int
	Index int                                 // > 0: int32 in [0, Index), with no gradient
	Map   func(float64) float64               // applied to the numbers, to reach a function's domain
	View  func(*tensor.Tensor) *tensor.Tensor // makes it strided
	Const bool                                // no gradient wanted
}

// Call is one application of an op, on the tape.
type Call struct {
	Backend backend.Backend
	Attr    any
	In, Out []*tensor.Tensor
	Saved   []*tensor.Tensor // kept by Fwd for VJP; the tape frees them
	Needs   []bool           // in Fwd: operands that are tracked; in VJP: whose gradient is wanted
	made    []*tensor.Tensor
	heads   *headers
}

// New allocates a contiguous tensor that lives until Fwd or VJP returns, or,
// where VJP returns it or a view of it, as long as that gradient.
func (c *Call) New(dtype tensor.DType, shape ...int) *tensor.Tensor {
	t := c.alloc(dtype, shape...)
	c.made = append(c.made, t)
	return t
}

func (c *Call) alloc(dtype tensor.DType, shape ...int) *tensor.Tensor {
	t := c.heads.next()
	backend.Init(c.Backend, t, dtype, shape...)
	return t
}

// rows shows a contiguous tensor as a matrix of its last axis; nil stays nil.
func (c *Call) rows(t *tensor.Tensor) *tensor.Tensor {
	if t == nil || len(t.Shape) == 2 {
		return t
	}
	n := 1
	for _, d := range t.Shape[:len(t.Shape)-1] {
		n *= d
	}
	return c.reshape(t, n, t.Shape[len(t.Shape)-1])
}

// reshape is Reshape of a contiguous tensor.
func (c *Call) reshape(t *tensor.Tensor, shape ...int) *tensor.Tensor {
	v := c.heads.next()
	v.Init(t.Buf, t.DType, shape...)
	v.Offset = t.Offset
	return v
}

// transpose swaps the axes of a matrix.
func (c *Call) transpose(t *tensor.Tensor) *tensor.Tensor {
	v := c.heads.next()
	v.Look(t, t.Offset, []int{t.Shape[1], t.Shape[0]}, []int{t.Strides[1], t.Strides[0]})
	return v
}

// Save allocates a tensor that Fwd fills for VJP, or one that lives until Fwd
// returns where no gradient will be asked for.
func (c *Call) Save(dtype tensor.DType, shape ...int) *tensor.Tensor {
	if !c.Tracked() {
		return c.New(dtype, shape...)
	}
	t := c.alloc(dtype, shape...)
	c.Saved = append(c.Saved, t)
	return t
}

// inner is the dtype of what a fused kernel keeps for its own gradient, beside
// operands of d.
func (c *Call) inner(d tensor.DType) tensor.DType {
	if b, ok := c.Backend.(backend.Inner); ok {
		return b.Inner(d)
	}
	return d
}

// Tracked tells whether any operand needs a gradient.
func (c *Call) Tracked() bool {
	for _, n := range c.Needs {
		if n {
			return true
		}
	}
	return false
}

// Contiguous is t itself where it is contiguous, else a copy made by New; nil
// stays nil.
func (c *Call) Contiguous(t *tensor.Tensor) *tensor.Tensor {
	if t == nil || t.Contiguous() {
		return t
	}
	d := c.New(t.DType, t.Shape...)
	c.Backend.Copy(d, t)
	return d
}

// finish frees what the call made and does not return.
func (c *Call) finish(returned []*tensor.Tensor) {
	for _, m := range c.made {
		if !slices.ContainsFunc(returned, func(r *tensor.Tensor) bool { return r != nil && r.Buf == m.Buf }) {
			c.Backend.Free(m.Buf)
		}
	}
	c.made = c.made[:0]
}

func metaOf(t *tensor.Tensor) Meta { return Meta{t.DType, t.Shape} }

// fail panics about the operands of an op.
func fail(op string, in []Meta, msg string) {
	e := &tensor.Error{Op: op, Msg: msg}
	for _, m := range in {
		e.Shapes = append(e.Shapes, m.Shape)
	}
	panic(e)
}
