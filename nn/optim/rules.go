package optim

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// maxWeightNorm bounds |p| in LAMB's ratio: the paper's phi, with pytorch-lamb's
// bound.
const maxWeightNorm = 10

func (o *Optimizer) stepSGD(p, g *tensor.Tensor, s *slot, lr float64) {
	o.decay(g, p)
	if s.m == nil {
		o.descend(p, g, g, lr)
		return
	}
	o.scale(s.m, s.m, o.c.Momentum)
	o.b.Binary(backend.Add, s.m, s.m, g)
	o.descend(p, s.m, g, lr)
}

// stepAdam leaves the direction in g.
func (o *Optimizer) stepAdam(p, g *tensor.Tensor, s *slot) {
	a := backend.Adam{Beta1: o.c.Beta1, Beta2: o.c.Beta2, Eps: o.c.Eps}
	a.C1 = 1 - math.Pow(a.Beta1, float64(s.steps))
	a.C2 = 1 - math.Pow(a.Beta2, float64(s.steps))
	if o.c.Kind == AdamW {
		a.WeightDecay = o.c.WeightDecay
	} else {
		o.decay(g, p)
	}
	o.direction(p, g, s, a)
}

// stepLAMB leaves every direction in its gradient before it reads the norms, so
// that the device is waited for once.
func (o *Optimizer) stepLAMB(grads []*tensor.Tensor, lr float64) {
	if o.norms == nil && len(grads) > 0 {
		o.norms = backend.Zeros(o.b, o.params[0].Value.DType, 2*len(grads))
	}
	a := backend.Adam{Beta1: o.c.Beta1, Beta2: o.c.Beta2, Eps: o.c.Eps, WeightDecay: o.c.WeightDecay, C1: 1, C2: 1}
	for i, g := range grads {
		o.normed[2*i], o.normed[2*i+1] = nil, nil
		if g != nil {
			p := o.params[i].Value
			o.direction(p, g, o.advance(i), a)
			o.normed[2*i], o.normed[2*i+1] = p, g
		}
	}
	sumSquares(o.b, o.norms, o.normed)
	o.squares = read(o.b, "optim.Step", o.norms, o.squares)
	for i, g := range grads {
		if g != nil {
			o.Trust[i] = o.c.trust(math.Sqrt(o.squares[2*i]), math.Sqrt(o.squares[2*i+1]))
			o.rates[i] = lr * o.Trust[i].Ratio
		}
	}
	o.descendAll(grads)
}

// descendAll moves the parameters by the directions in us, each at its rate.
func (o *Optimizer) descendAll(us []*tensor.Tensor) {
	if fused, ok := o.b.(backend.Descender); ok {
		fused.Descend(o.values, us, o.rates)
		return
	}
	for i, u := range us {
		if u != nil {
			o.descend(o.values[i], u, u, o.rates[i])
		}
	}
}

func (c Config) trust(weight, adam float64) Trust {
	t := Trust{WeightNorm: min(weight, maxWeightNorm), AdamNorm: adam, Ratio: 1}
	if weight != 0 && adam != 0 {
		t.Ratio = t.WeightNorm / adam
	}
	t.Ratio = max(t.Ratio, c.MinTrust)
	return t
}

// direction advances the moments of p by g, and writes Adam's direction over g.
func (o *Optimizer) direction(p, g *tensor.Tensor, s *slot, a backend.Adam) {
	if fused, ok := o.b.(backend.Adamer); ok {
		fused.AdamDirection(g, s.m, s.v, p, g, a)
		return
	}
	t := backend.New(o.b, g.DType, g.Shape...)
	defer backend.Release(o.b, t)

	o.scale(s.m, s.m, a.Beta1)
	o.scale(t, g, 1-a.Beta1)
	o.b.Binary(backend.Add, s.m, s.m, t)

	o.scale(s.v, s.v, a.Beta2)
	o.b.Binary(backend.Mul, t, g, g)
	o.scale(t, t, 1-a.Beta2)
	o.b.Binary(backend.Add, s.v, s.v, t)

	o.scale(t, s.v, 1/a.C2)
	o.b.Unary(backend.Unary{Kind: backend.Sqrt}, t, t)
	o.b.Unary(backend.Unary{Kind: backend.Affine, A: 1, B: a.Eps}, t, t)
	o.scale(g, s.m, 1/a.C1)
	o.b.Binary(backend.Div, g, g, t)
	if a.WeightDecay != 0 {
		o.scale(t, p, a.WeightDecay)
		o.b.Binary(backend.Add, g, g, t)
	}
}

// decay adds the gradient of wd/2 |p|^2 to g.
func (o *Optimizer) decay(g, p *tensor.Tensor) {
	if o.c.WeightDecay == 0 {
		return
	}
	t := backend.New(o.b, g.DType, g.Shape...)
	o.scale(t, p, o.c.WeightDecay)
	o.b.Binary(backend.Add, g, g, t)
	backend.Release(o.b, t)
}

// descend is p -= rate*u by way of temp, which may be u.
func (o *Optimizer) descend(p, u, temp *tensor.Tensor, rate float64) {
	o.scale(temp, u, -rate)
	o.b.Binary(backend.Add, p, p, temp)
}

func (o *Optimizer) scale(dst, x *tensor.Tensor, a float64) {
	o.b.Unary(backend.Unary{Kind: backend.Affine, A: a}, dst, x)
}
