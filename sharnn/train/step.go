package main

import (
	"errors"
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// learner is what a step changes.
type learner struct {
	backend backend.Backend
	model   *sharnn.Model
	params  []optim.Param
	values  []*tensor.Tensor // of params
	tape    *autograd.Tape   // tracks values; new for each segment
	wrt     []*autograd.Var  // values on tape
	rule    *optim.Optimizer
	state   *sharnn.State

	average  *sharnn.Model // with -ema, else nil
	averager *optim.Average
}

// open makes the learner of a run that begins.
func (l *learner) open(c sharnn.Config, dtype tensor.DType, s *settings) (err error) {
	if l.model, err = sharnn.New(l.backend, dtype, c, s.seed); err != nil {
		return err
	}
	l.state = l.model.NewState(s.batchSize)
	return errors.Join(l.openOptimizer(s), l.openAverage(s))
}

func (l *learner) openOptimizer(s *settings) (err error) {
	l.model.Recompute = s.recompute
	l.params, l.values = named(l.model), nn.Tensors(l.model)
	l.tape = autograd.NewTape(l.backend, l.values...)
	l.rule, err = optim.New(l.backend, s.optimConfig(), l.params)
	return err
}

// named are a model's parameters with their names.
func named(m *sharnn.Model) []optim.Param {
	var out []optim.Param
	for name, p := range m.Params() {
		out = append(out, optim.Param{Name: name, Value: p.Value})
	}
	return out
}

// free gives back what there is.
func (l *learner) free() {
	if l.rule != nil {
		l.rule.Free()
	}
	if l.state != nil {
		l.state.Free()
	}
	if l.average != nil {
		l.average.Free()
	}
	if l.model != nil {
		l.model.Free()
	}
}

// gradients runs one segment of ids and targets (T, B), moves the state past it,
// and returns its mean loss in nats and the gradients of the parameters, nil for
// one that the loss does not depend on. The caller frees them.
func (l *learner) gradients(in, target []int32, T, B int, drop sharnn.Dropouts) (float64, []*tensor.Tensor, error) {
	tape := l.tape
	defer tape.Reset()
	x := tape.Own(backend.FromSlice(l.backend, in, T, B))
	h, next := l.model.Run(l.model.Embed(x, drop), l.state.Carry(tape, T), drop)
	y := tape.Own(backend.FromSlice(l.backend, target, T, B))
	loss := l.model.Loss(h, y)
	l.state.Advance(next)
	l.wrt = l.wrt[:0]
	for _, x := range l.values {
		l.wrt = append(l.wrt, tape.Leaf(x))
	}
	grads := tape.Grad(loss, l.wrt...)
	value, err := number(l.backend, loss.Value)
	if err != nil {
		backend.Release(l.backend, grads...)
		return 0, nil, fmt.Errorf("reading the loss: %w", err)
	}
	return value, grads, nil
}

// add adds more to sum, of which it takes over the tensors.
func (l *learner) add(sum, more []*tensor.Tensor) []*tensor.Tensor {
	if sum == nil {
		return more
	}
	for i, g := range more {
		switch {
		case g == nil:
		case sum[i] == nil:
			sum[i] = g
		default:
			l.backend.Binary(backend.Add, sum[i], sum[i], g)
			backend.Release(l.backend, g)
		}
	}
	return sum
}

// largest names the parameter with the largest element of its gradient; what is
// not a number is largest of all.
func (l *learner) largest(grads []*tensor.Tensor) (name string, size float64, err error) {
	size = -1
	for i, g := range grads {
		if g == nil {
			continue
		}
		most, err := largestElement(l.backend, g)
		if err != nil {
			return "", 0, err
		}
		if most > size || math.IsNaN(most) && !math.IsNaN(size) {
			name, size = l.params[i].Name, most
		}
	}
	return name, size, nil
}

// largestElement is the largest absolute value, NaN where there is one.
func largestElement(b backend.Backend, x *tensor.Tensor) (float64, error) {
	data, err := backend.Floats(b, x)
	most := 0.0
	for _, v := range data {
		most = max(most, math.Abs(v))
	}
	return most, err
}

func number(b backend.Backend, x *tensor.Tensor) (float64, error) {
	data, err := backend.Floats(b, x)
	return data[0], err
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
