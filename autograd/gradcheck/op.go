package gradcheck

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Op checks the gradient of one case of an op, in float64.
func Op(b backend.Backend, op *autograd.Op, c autograd.Case) error {
	in := operands(b, c, tensor.Float64)
	defer backend.Release(b, in...)
	return Func(b, func(t *autograd.Tape) *autograd.Var {
		return project(c, autograd.Apply(op, c.Attr, leaves(t, in)...))
	}, wanted(c, in)...)
}

// Ref compares an op's results and gradients with those of its plain form, in
// the given dtype; tol is relative to the largest element of each.
func Ref(b backend.Backend, op *autograd.Op, c autograd.Case, dtype tensor.DType, tol float64) error {
	in := operands(b, c, dtype)
	defer backend.Release(b, in...)
	fused, err := results(b, c, in, func(in []*autograd.Var) []*autograd.Var { return autograd.Apply(op, c.Attr, in...) })
	if err != nil {
		return err
	}
	plain, err := results(b, c, in, func(in []*autograd.Var) []*autograd.Var { return op.Ref(c.Attr, in) })
	if err != nil {
		return err
	}
	for i := range plain {
		if err := near(fused[i].data, plain[i].data, tol); err != nil {
			return fmt.Errorf("%s: %w", plain[i].what, err)
		}
	}
	return nil
}

type result struct {
	what string
	data []float64
}

// results are the values and gradients of a case under one form of its op.
func results(b backend.Backend, c autograd.Case, in []*tensor.Tensor, form func([]*autograd.Var) []*autograd.Var) ([]result, error) {
	wrt := wanted(c, in)
	t := autograd.NewTape(b, wrt...)
	defer t.Free()
	values := form(leaves(t, in))
	var out []result
	for i, v := range values {
		data, err := float64s(b, v.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, result{fmt.Sprintf("result %d", i), data})
	}
	vars := leaves(t, wrt)
	for i, g := range t.Grad(project(c, values), vars...) {
		if g == nil {
			out = append(out, result{fmt.Sprintf("gradient %d", i), make([]float64, wrt[i].Len())})
			continue
		}
		data, err := float64s(b, g)
		if err != nil {
			return nil, err
		}
		out = append(out, result{fmt.Sprintf("gradient %d", i), data})
		backend.Release(b, g)
	}
	return out, nil
}

func near(got, want []float64, tol float64) error {
	largest := 0.0
	for _, w := range want {
		largest = math.Max(largest, math.Abs(w))
	}
	for i, w := range want {
		if diff := math.Abs(got[i] - w); !(diff <= tol*math.Max(largest, 1e-3)) {
			return fmt.Errorf("element %d: fused %.9g, plain %.9g (largest %.3g)", i, got[i], w, largest)
		}
	}
	return nil
}

// operands makes a case's operands, different numbers for each.
func operands(b backend.Backend, c autograd.Case, dtype tensor.DType) []*tensor.Tensor {
	in := make([]*tensor.Tensor, len(c.In))
	for i, o := range c.In {
		in[i] = operandTensor(b, o, dtype, tensor.Key{Seed: 42, Site: uint32(i)})
	}
	return in
}

func operandTensor(b backend.Backend, o autograd.Operand, dtype tensor.DType, key tensor.Key) *tensor.Tensor {
	n := tensor.Size(o.Shape)
	if o.Index > 0 {
		index := make([]int32, n)
		for i := range index {
			index[i] = int32(key.Uniform(uint64(i)) * float64(o.Index))
		}
		return backend.FromSlice(b, index, o.Shape...)
	}
	data := make([]float64, n)
	for i := range data {
		data[i] = key.Normal(uint64(i))
		if o.Map != nil {
			data[i] = o.Map(data[i])
		}
	}
	x := backend.FromSlice(b, data, o.Shape...)
	if dtype != tensor.Float64 {
		wide := x
		x = backend.New(b, dtype, o.Shape...)
		b.Copy(x, wide)
		backend.Release(b, wide)
	}
	if o.View != nil {
		x = o.View(x)
	}
	return x
}

// wanted are the operands whose gradient a case checks.
func wanted(c autograd.Case, in []*tensor.Tensor) []*tensor.Tensor {
	var out []*tensor.Tensor
	for i, o := range c.In {
		if !o.Const && o.Index == 0 {
			out = append(out, in[i])
		}
	}
	return out
}

func leaves(t *autograd.Tape, in []*tensor.Tensor) []*autograd.Var {
	vars := make([]*autograd.Var, len(in))
	for i, x := range in {
		vars[i] = t.Leaf(x)
	}
	return vars
}

// project folds the results that a case differentiates into a single number
// by random weights, so that no gradient is hidden by symmetry.
func project(c autograd.Case, values []*autograd.Var) *autograd.Var {
	var loss *autograd.Var
	for i, v := range values {
		if c.Out >= 0 && c.Out != i {
			continue
		}
		t := v.Tape()
		u := backend.New(t.Backend, v.Value.DType, v.Shape()...)
		t.Backend.Random(u, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 77, Site: uint32(i)})
		term := autograd.Sum(autograd.Mul(v, t.Own(u)))
		if loss == nil {
			loss = term
			continue
		}
		loss = autograd.Add(loss, term)
	}
	return loss
}

func float64s(b backend.Backend, x *tensor.Tensor) ([]float64, error) {
	wide := backend.New(b, tensor.Float64, x.Shape...)
	defer backend.Release(b, wide)
	b.Copy(wide, x)
	return backend.Data[float64](b, wide)
}
