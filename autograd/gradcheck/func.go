package gradcheck

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

const (
	step       = 1e-5 // of the central difference
	tolerance  = 2e-6 // of a derivative, relative to the largest of its operand (at least 1)
	exhaustive = 96   // operands up to this many elements are checked one by one
	directions = 8    // random directions for larger ones
)

// Func checks the gradient of f, which builds a single number from float64
// tensors, with respect to each of wrt. It changes the tensors while it works
// and puts them back.
func Func(b backend.Backend, f func(t *autograd.Tape) *autograd.Var, wrt ...*tensor.Tensor) error {
	value := func() (float64, error) {
		t := autograd.NewTape(b)
		defer t.Free()
		return scalar(b, f(t).Value)
	}
	grads, err := analytic(b, f, wrt)
	if err != nil {
		return err
	}
	for i, x := range wrt {
		if err := operand(b, value, x, grads[i]); err != nil {
			return fmt.Errorf("operand %d %v: %w", i, x.Shape, err)
		}
	}
	return nil
}

func analytic(b backend.Backend, f func(t *autograd.Tape) *autograd.Var, wrt []*tensor.Tensor) ([][]float64, error) {
	t := autograd.NewTape(b, wrt...)
	defer t.Free()
	loss := f(t)
	vars := make([]*autograd.Var, len(wrt))
	for i, x := range wrt {
		vars[i] = t.Leaf(x)
	}
	out := make([][]float64, len(wrt))
	for i, g := range t.Grad(loss, vars...) {
		if g == nil {
			out[i] = make([]float64, wrt[i].Len())
			continue
		}
		data, err := backend.Data[float64](b, g)
		if err != nil {
			return nil, err
		}
		out[i] = data
		backend.Release(b, g)
	}
	return out, nil
}

// operand compares the derivatives along each axis of x, or along random
// directions, with those that grad predicts.
func operand(b backend.Backend, value func() (float64, error), x *tensor.Tensor, grad []float64) error {
	data, err := backend.Data[float64](b, x)
	if err != nil {
		return err
	}
	defer b.Write(x, tensor.Bytes(data))
	largest := 1.0
	for _, g := range grad {
		largest = math.Max(largest, math.Abs(g))
	}
	compare := func(what string, along []float64) error {
		got, err := difference(b, value, x, data, along)
		if err != nil {
			return err
		}
		want, size := 0.0, 0.0
		for i, d := range along {
			want += d * grad[i]
			size = math.Max(size, math.Abs(d))
		}
		if diff := math.Abs(got - want); !(diff <= tolerance*largest*math.Max(1, size)) {
			return fmt.Errorf("%s: finite difference %.9g, gradient %.9g", what, got, want)
		}
		return nil
	}
	along := make([]float64, len(data))
	if len(data) <= exhaustive {
		for i := range data {
			along[i] = 1
			if err := compare(fmt.Sprintf("element %d", i), along); err != nil {
				return err
			}
			along[i] = 0
		}
		return nil
	}
	for d := range directions {
		key := tensor.Key{Seed: 1, Step: uint32(d)}
		for i := range along {
			along[i] = key.Normal(uint64(i)) / math.Sqrt(float64(len(along)))
		}
		if err := compare(fmt.Sprintf("direction %d", d), along); err != nil {
			return err
		}
	}
	return nil
}

// difference is (f(x+step*along) - f(x-step*along)) / (2*step).
func difference(b backend.Backend, value func() (float64, error), x *tensor.Tensor, data, along []float64) (float64, error) {
	var ends [2]float64
	moved := make([]float64, len(data))
	for k, s := range []float64{step, -step} {
		for i := range data {
			moved[i] = data[i] + s*along[i]
		}
		if err := b.Write(x, tensor.Bytes(moved)); err != nil {
			return 0, err
		}
		v, err := value()
		if err != nil {
			return 0, err
		}
		ends[k] = v
	}
	return (ends[0] - ends[1]) / (2 * step), nil
}

func scalar(b backend.Backend, x *tensor.Tensor) (float64, error) {
	data, err := backend.Data[float64](b, x)
	if err != nil {
		return 0, err
	}
	return data[0], nil
}
