package head

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// Trainer fits a head by logistic regression: the mean of -log p(class|x) over a
// batch, descended by Adam with PyTorch's constants.
type Trainer struct {
	head   *Head
	b      backend.Backend
	linear *nn.Linear
	adam   *optim.Optimizer
	rate   float64
	tape   *autograd.Tape
}

// NewTrainer trains h on a backend in float32 or float64 at a learning rate. h is
// left as it is until [Trainer.Store]. The caller frees the trainer.
func NewTrainer(b backend.Backend, dtype tensor.DType, h *Head, rate float64) (*Trainer, error) {
	if !(rate > 0) || math.IsInf(rate, 0) {
		return nil, fmt.Errorf("the learning rate is %v: want more than 0", rate)
	}
	if err := h.validate(); err != nil {
		return nil, fmt.Errorf("the head to train: %w", err)
	}
	t := &Trainer{head: h, b: b, rate: rate, linear: nn.NewLinear(b, dtype, h.Width, len(h.Classes))}
	put(b, t.linear.Weight.Value, h.Weight)
	put(b, t.linear.Bias.Value, h.Bias)
	var params []optim.Param
	for name, p := range t.linear.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	var err error
	if t.adam, err = optim.New(b, optim.Defaults(optim.Adam), params); err != nil {
		nn.Free(b, t.linear)
		return nil, err
	}
	t.tape = autograd.NewTape(b, nn.Tensors(t.linear)...)
	return t, nil
}

// Free gives the trainer's tensors back to the backend.
func (t *Trainer) Free() {
	t.tape.Free()
	t.adam.Free()
	nn.Free(t.b, t.linear)
}

// Step learns from rows of x (N, H), of classes y, and returns their mean loss
// before the step. A loss that is not finite is an error, and nothing is learnt.
func (t *Trainer) Step(x *tensor.Tensor, y []int32, rows []int32) (float64, error) {
	t.tape.Reset()
	loss := nn.CrossEntropy(t.logits(x, rows), t.constant(pick(y, rows)))
	values, err := numbers(t.b, loss.Value)
	if err != nil {
		return 0, fmt.Errorf("reading the loss: %w", err)
	}
	if math.IsNaN(values[0]) || math.IsInf(values[0], 0) {
		return 0, fmt.Errorf("the loss is %v: the representations are not finite, or the learning rate is too high", values[0])
	}
	grads := t.tape.Grad(loss, t.linear.Weight.On(t.tape), t.linear.Bias.On(t.tape))
	t.adam.Step(grads, t.rate)
	backend.Release(t.b, grads...)
	return values[0], nil
}

// Store writes what has been learnt into the head.
func (t *Trainer) Store() error {
	weight, err := numbers(t.b, t.linear.Weight.Value)
	if err != nil {
		return fmt.Errorf("reading the head: %w", err)
	}
	bias, err := numbers(t.b, t.linear.Bias.Value)
	if err != nil {
		return fmt.Errorf("reading the head: %w", err)
	}
	t.head.Weight, t.head.Bias = weight, bias
	return nil
}

// Evaluate is what the head as it stands makes of rows of x (N, H), of classes y.
func (t *Trainer) Evaluate(x *tensor.Tensor, y []int32, rows []int32) (*Result, error) {
	const tile = 1024
	r := newResult(len(t.head.Classes))
	for at := 0; at < len(rows); at += tile {
		part := rows[at:min(at+tile, len(rows))]
		t.tape.Reset()
		logProbs, err := numbers(t.b, autograd.LogSoftmax(t.logits(x, part)).Value)
		if err != nil {
			return nil, fmt.Errorf("reading the predictions: %w", err)
		}
		r.add(logProbs, pick(y, part))
	}
	return r, nil
}

// logits (len(rows), C) of rows of x.
func (t *Trainer) logits(x *tensor.Tensor, rows []int32) *autograd.Var {
	return t.linear.Forward(autograd.Gather(t.tape.Leaf(x), t.constant(rows)))
}

func (t *Trainer) constant(data []int32) *autograd.Var {
	return t.tape.Own(backend.FromSlice(t.b, data, len(data)))
}

func pick(y, rows []int32) []int32 {
	out := make([]int32, len(rows))
	for i, r := range rows {
		out[i] = y[r]
	}
	return out
}

// put writes numbers to a float tensor.
func put(b backend.Backend, dst *tensor.Tensor, data []float64) {
	from := backend.FromSlice(b, data, dst.Shape...)
	b.Copy(dst, from)
	backend.Release(b, from)
}

// numbers are a float tensor's elements.
func numbers(b backend.Backend, x *tensor.Tensor) ([]float64, error) {
	wide := backend.New(b, tensor.Float64, x.Shape...)
	defer backend.Release(b, wide)
	b.Copy(wide, x)
	return backend.Data[float64](b, wide)
}
