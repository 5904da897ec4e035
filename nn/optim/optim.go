package optim

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Kind names an optimizer.
type Kind string

// The optimizers, for a parameter p with gradient g, learning rate lr and
// weight decay wd. m and v are running means of g and g^2.
//
//	SGD:   m = momentum*m + g + wd*p;  p -= lr*m
//	Adam:  Adam on g + wd*p (Kingma and Ba, arXiv 1412.6980)
//	AdamW: p -= lr*(u + wd*p), u as in Adam (Loshchilov and Hutter, arXiv 1711.05101)
//	LAMB:  u = m/(sqrt(v)+eps) + wd*p;  p -= lr*trust*u (You et al., arXiv
//	       1904.00962, version 3: no bias correction), see [Trust]
const (
	SGD   Kind = "sgd"
	Adam  Kind = "adam"
	AdamW Kind = "adamw"
	LAMB  Kind = "lamb"
)

// Config are an optimizer's constants.
type Config struct {
	Kind         Kind
	Beta1, Beta2 float64 // all but SGD: how much of the means of g and g^2 a step keeps
	Eps          float64 // all but SGD: added to the square root of v
	WeightDecay  float64
	Momentum     float64 // SGD
	MinTrust     float64 // LAMB: the least trust ratio, 0 for none
}

// Defaults are a kind's usual constants: those of PyTorch, and for LAMB of
// Smerity's pytorch-lamb, without weight decay but for AdamW's.
func Defaults(kind Kind) Config {
	c := Config{Kind: kind}
	if kind != SGD {
		c.Beta1, c.Beta2, c.Eps = 0.9, 0.999, 1e-8
	}
	switch kind {
	case AdamW:
		c.WeightDecay = 0.01
	case LAMB:
		c.Eps = 1e-6
	}
	return c
}

func (c Config) check() error {
	if !slices.Contains([]Kind{SGD, Adam, AdamW, LAMB}, c.Kind) {
		return fmt.Errorf("unknown optimizer %q: want %s, %s, %s or %s", c.Kind, SGD, Adam, AdamW, LAMB)
	}
	for _, v := range []struct {
		name  string
		value float64
		below float64 // 0: no limit
	}{
		{"beta1", c.Beta1, 1},
		{"beta2", c.Beta2, 1},
		{"eps", c.Eps, 0},
		{"weight decay", c.WeightDecay, 0},
		{"momentum", c.Momentum, 0},
		{"smallest trust ratio", c.MinTrust, 1},
	} {
		if !(v.value >= 0) || v.below > 0 && v.value >= v.below {
			return fmt.Errorf("optimizer %s: %s %v is out of range", c.Kind, v.name, v.value)
		}
	}
	return nil
}

// Param is a trainable tensor and its name in a checkpoint. Tied weights are
// one Param.
type Param struct {
	Name  string
	Value *tensor.Tensor
}

// Trust is what scaled a parameter's last LAMB step. Ratio is
// WeightNorm/AdamNorm, or 1 where either is 0, and at least MinTrust.
type Trust struct {
	WeightNorm float64 // |p|, at most 10
	AdamNorm   float64 // |u|
	Ratio      float64
}

// Optimizer holds what its kind remembers of each parameter.
type Optimizer struct {
	// Trust are LAMB's ratios in the parameters' order, zero for those that no
	// step has changed; nil for the other kinds.
	Trust []Trust

	b       backend.Backend
	c       Config
	params  []Param
	slots   []slot
	values  []*tensor.Tensor // of params
	rates   []float64        // of the step at hand
	norms   *tensor.Tensor   // (2 len(params)): LAMB's sums of squares of p and u
	squares []float64        // norms on the host
	normed  []*tensor.Tensor // what norms are of; nil for what the step leaves
}

// slot is the memory of one parameter. m is SGD's momentum buffer; both are nil
// where the kind has no use for them, and before the first step.
type slot struct {
	steps int
	m, v  *tensor.Tensor
}

// New makes an optimizer for params, whose values stay the caller's. The error
// tells what is wrong with c.
func New(b backend.Backend, c Config, params []Param) (*Optimizer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	checkParams(params)
	o := &Optimizer{b: b, c: c, params: slices.Clone(params), slots: make([]slot, len(params))}
	o.rates = make([]float64, len(params))
	for _, p := range params {
		o.values = append(o.values, p.Value)
	}
	if c.Kind == LAMB {
		o.Trust = make([]Trust, len(params))
		o.normed = make([]*tensor.Tensor, 2*len(params))
	}
	return o, nil
}

func checkParams(params []Param) {
	type place struct {
		buf    tensor.Buffer
		offset int
	}
	names, places := make(map[string]bool), make(map[place]bool)
	for _, p := range params {
		at := place{p.Value.Buf, p.Value.Offset}
		msg := ""
		switch {
		case names[p.Name] || places[at]:
			msg = "is given twice"
		case p.Value.DType != tensor.Float32 && p.Value.DType != tensor.Float64:
			msg = "holds " + p.Value.DType.String()
		case p.Value.DType != params[0].Value.DType:
			msg = "is of another type than the first"
		case !p.Value.Contiguous():
			msg = "is not contiguous"
		}
		if msg != "" {
			tensor.Panicf("optim.New", []*tensor.Tensor{p.Value}, "parameter %s %s", p.Name, msg)
		}
		names[p.Name], places[at] = true, true
	}
}

// Step moves each parameter by its gradient; grads are in the parameters'
// order. A parameter whose gradient is nil is left as it is, decay and step
// count included. The gradients are overwritten and stay the caller's.
func (o *Optimizer) Step(grads []*tensor.Tensor, lr float64) {
	o.checkGrads(grads)
	if o.c.Kind == LAMB {
		o.stepLAMB(grads, lr)
		return
	}
	for i, g := range grads {
		if g == nil {
			continue
		}
		p, s := o.params[i].Value, o.advance(i)
		if o.c.Kind == SGD {
			o.stepSGD(p, g, s, lr)
			continue
		}
		o.stepAdam(p, g, s)
		o.rates[i] = lr
	}
	if o.c.Kind != SGD {
		o.descendAll(grads)
	}
}

func (o *Optimizer) checkGrads(grads []*tensor.Tensor) {
	if len(grads) != len(o.params) {
		tensor.Panicf("optim.Step", nil, "%d gradients for %d parameters", len(grads), len(o.params))
	}
	for i, g := range grads {
		if g == nil {
			continue
		}
		p := o.params[i]
		if !slices.Equal(g.Shape, p.Value.Shape) || g.DType != p.Value.DType || !g.Contiguous() {
			tensor.Panicf("optim.Step", []*tensor.Tensor{p.Value, g}, "the gradient of %s does not fit", p.Name)
		}
	}
}

// advance counts a step of parameter i, with zeros for its memory at the first.
func (o *Optimizer) advance(i int) *slot {
	s, p := &o.slots[i], o.params[i].Value
	if s.steps == 0 {
		first, second := o.c.moments()
		if first != "" {
			s.m = backend.Zeros(o.b, p.DType, p.Shape...)
		}
		if second != "" {
			s.v = backend.Zeros(o.b, p.DType, p.Shape...)
		}
	}
	s.steps++
	return s
}

// Free gives the memory back. A later Step begins anew.
func (o *Optimizer) Free() {
	for i, s := range o.slots {
		backend.Release(o.b, s.m, s.v)
		o.slots[i] = slot{}
	}
	backend.Release(o.b, o.norms)
	o.norms = nil
	clear(o.Trust)
}
