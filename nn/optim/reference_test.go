package optim_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// scalar is the rules once more, on slices of float64 and written from the
// papers' formulas, with the decay where PyTorch applies it.
type scalar struct {
	c     optim.Config
	steps int
	m, v  []float64
	trust optim.Trust
}

func (s *scalar) step(p, g []float64, lr float64) {
	if s.steps++; s.steps == 1 {
		s.m, s.v = make([]float64, len(p)), make([]float64, len(p))
	}
	u := make([]float64, len(p))
	for i := range p {
		u[i] = s.direction(i, p[i], g[i])
	}
	if s.c.Kind == optim.LAMB {
		lr *= s.ratio(p, u)
	}
	for i := range p {
		if s.c.Kind == optim.AdamW {
			p[i] *= 1 - lr*s.c.WeightDecay
		}
		p[i] -= lr * u[i]
	}
}

func (s *scalar) direction(i int, p, g float64) float64 {
	c := s.c
	if c.Kind == optim.SGD || c.Kind == optim.Adam {
		g += c.WeightDecay * p
	}
	if c.Kind == optim.SGD {
		s.m[i] = c.Momentum*s.m[i] + g
		return s.m[i]
	}
	s.m[i] += (1 - c.Beta1) * (g - s.m[i])
	s.v[i] += (1 - c.Beta2) * (g*g - s.v[i])
	if c.Kind == optim.LAMB {
		return s.m[i]/(math.Sqrt(s.v[i])+c.Eps) + c.WeightDecay*p
	}
	n := float64(s.steps)
	size := math.Sqrt(1-math.Pow(c.Beta2, n)) / (1 - math.Pow(c.Beta1, n))
	return size * s.m[i] / (math.Sqrt(s.v[i]) + c.Eps*math.Sqrt(1-math.Pow(c.Beta2, n)))
}

func (s *scalar) ratio(p, u []float64) float64 {
	s.trust = optim.Trust{WeightNorm: math.Min(norm(p), 10), AdamNorm: norm(u), Ratio: 1}
	if s.trust.WeightNorm != 0 && s.trust.AdamNorm != 0 {
		s.trust.Ratio = s.trust.WeightNorm / s.trust.AdamNorm
	}
	if s.trust.Ratio < s.c.MinTrust {
		s.trust.Ratio = s.c.MinTrust
	}
	return s.trust.Ratio
}

func norm(x []float64) float64 {
	sum := 0.0
	for _, x := range x {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// model is what both sides train: parameters of several shapes, one of zeros
// (LAMB's ratio is 1), one whose norm is far above LAMB's bound, and one empty.
type model struct {
	shapes [][]int
	values [][]float64
	rng    *rand.Rand
}

func newModel() *model {
	m := &model{shapes: [][]int{{}, {1}, {7}, {3, 5}, {67, 19}, {4}, {0, 3}}, rng: rand.New(rand.NewPCG(1, 2))}
	for i, shape := range m.shapes {
		value := make([]float64, tensor.Size(shape))
		for j := range value {
			switch i {
			case 5:
			case 4:
				value[j] = 3 * m.rng.NormFloat64()
			default:
				value[j] = 0.1 * m.rng.NormFloat64()
			}
			value[j] = float64(float32(value[j]))
		}
		m.values = append(m.values, value)
	}
	return m
}

func (m *model) params(b backend.Backend, dtype tensor.DType) []optim.Param {
	var out []optim.Param
	for i, shape := range m.shapes {
		out = append(out, optim.Param{Name: fmt.Sprintf("p%d", i), Value: put(b, dtype, m.values[i], shape...)})
	}
	return out
}

// grads draws gradients; the third parameter has none at even steps, the second
// never.
func (m *model) grads(step int) [][]float64 {
	out := make([][]float64, len(m.shapes))
	for i, shape := range m.shapes {
		g := make([]float64, tensor.Size(shape))
		for j := range g {
			g[j] = float64(float32(m.rng.NormFloat64()))
		}
		if i == 1 || i == 2 && step%2 == 0 {
			continue
		}
		out[i] = g
	}
	return out
}

func (m *model) upload(b backend.Backend, dtype tensor.DType, grads [][]float64) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(grads))
	for i, g := range grads {
		if g != nil {
			out[i] = put(b, dtype, g, m.shapes[i]...)
		}
	}
	return out
}
