package optim

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Average moves tensors along with a model's parameters, as their exponential
// moving average (Polyak and Juditsky, 1992): it lags behind, and the noise of
// single steps is gone from it.
type Average struct {
	b     backend.Backend
	decay float64
	to    []*tensor.Tensor
}

// NewAverage averages into the tensors to, which stay the caller's. decay is how
// much of the average an update keeps, from 0 to less than 1: it remembers some
// 1/(1-decay) updates.
func NewAverage(b backend.Backend, decay float64, to []*tensor.Tensor) *Average {
	if !(decay >= 0 && decay < 1) {
		tensor.Panicf("optim.NewAverage", nil, "a decay of %v: want from 0 to less than 1", decay)
	}
	return &Average{b, decay, slices.Clone(to)}
}

// Update is the number-th, counted from 1, since the average was the parameters
// themselves. Early ones keep less, so that the first values do not linger:
//
//	a = d*a + (1-d)*p, d = min(decay, number/(number+9))
func (a *Average) Update(params []*tensor.Tensor, number int) {
	if len(params) != len(a.to) {
		tensor.Panicf("optim.Average", nil, "%d parameters for an average of %d", len(params), len(a.to))
	}
	d := min(a.decay, float64(number)/float64(number+9))
	for i, p := range params {
		to := a.to[i]
		if !slices.Equal(p.Shape, to.Shape) || p.DType != to.DType {
			tensor.Panicf("optim.Average", []*tensor.Tensor{to, p}, "parameter %d does not fit", i)
		}
		t := backend.New(a.b, p.DType, p.Shape...)
		a.b.Unary(backend.Unary{Kind: backend.Affine, A: 1 - d}, t, p)
		a.b.Unary(backend.Unary{Kind: backend.Affine, A: d}, to, to)
		a.b.Binary(backend.Add, to, to, t)
		backend.Release(a.b, t)
	}
}
