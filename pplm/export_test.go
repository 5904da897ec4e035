package pplm

import (
	"context"

	"github.com/tiller-ml/tiller/tensor"
)

// What golden tests need of the perturbation alone.

type (
	Perturber = perturber
	Moment    = moment
	Report    = report
)

var NewPerturber = newPerturber

// NewMoment is a moment of the tokens after last.
func NewMoment(last *tensor.Tensor, plain State, probs, past *tensor.Tensor, count int, tokens [][]int32) *Moment {
	return &moment{last, plain, probs, past, count, tokens}
}

func (p *perturber) Perturb(ctx context.Context, s State, m *Moment) (*Report, error) {
	return p.perturb(ctx, s, m)
}

func (p *perturber) Free() { p.free() }

// Largest are the running norms, by group and sample.
func (p *perturber) Largest() *[][]float64 { return &p.largest }

func (r *report) Losses() [][]float64  { return r.losses }
func (r *report) Norms() [][][]float64 { return r.norms }

// KthLargest and KeepTop are the filters of top_k.
var (
	KthLargest = kth
	KeepTop    = keepTop
	DrawToken  = draw
)

// Divergence and Lift make the divergence from the unsteered distribution.
var (
	Divergence = divergence
	Lift       = lift
)
