package sharnn

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
)

// DefaultSplits are the split points of the adaptive softmax that the reference
// takes for a vocabulary of words: none up to 75,000, where one softmax is cheap.
func DefaultSplits(symbols int) []int {
	var splits []int
	switch {
	case symbols > 500_000:
		splits = []int{4200, 35_000, 180_000}
	case symbols > 75_000:
		splits = []int{2800, 20_000, 76_000}
	}
	return slices.DeleteFunc(splits, func(s int) bool { return s >= symbols })
}

func checkSplits(splits []int, symbols int) error {
	for i, s := range splits {
		if s < 1 || i > 0 && s <= splits[i-1] || s >= symbols {
			return fmt.Errorf("splits are %v: want them to increase, from 1 to below the %d symbols", splits, symbols)
		}
	}
	return nil
}

// Logits are the decoder's scores (..., V) of hidden states (..., H). With
// Config.Splits they are the log probabilities themselves.
func (m *Model) Logits(h *autograd.Var) *autograd.Var {
	t := h.Tape()
	w, b := m.Encoder.Weight.On(t), m.Decoder.On(t)
	if m.Split == nil {
		return autograd.Linear(h, w, b)
	}
	shape := slices.Clone(h.Shape())
	shape[len(shape)-1] = m.Config.Symbols
	return autograd.Reshape(m.Split.LogProb(m.rows(h), w, b), shape...)
}

// Loss is the mean cross-entropy in nats of targets, int32 (...), under the
// decoder's scores of hidden states (..., H).
func (m *Model) Loss(h, targets *autograd.Var) *autograd.Var {
	t := h.Tape()
	w, b := m.Encoder.Weight.On(t), m.Decoder.On(t)
	if m.Split == nil {
		return autograd.Mean(nn.LinearCrossEntropy(h, w, b, targets))
	}
	// Which rows each group has is for the host to say. A fault of the device is
	// told where the loss is read.
	ids, err := backend.Data[int32](t.Backend, targets.Value)
	if err != nil {
		clear(ids)
	}
	return m.Split.Loss(m.rows(h), w, b, ids)
}

// losses are the cross-entropies of all targets, which h (..., H) predicts in
// order.
func (m *Model) losses(h *autograd.Var, targets []int32) ([]float64, error) {
	t := h.Tape()
	w, b := m.Encoder.Weight.On(t), m.Decoder.On(t)
	if m.Split != nil {
		return m.Split.Losses(m.rows(h), w, b, targets)
	}
	y := t.Own(backend.FromSlice(t.Backend, targets, len(targets)))
	return backend.Floats(t.Backend, nn.LinearCrossEntropy(m.rows(h), w, b, y).Value)
}

// rows shows hidden states (..., H) as (N, H).
func (m *Model) rows(h *autograd.Var) *autograd.Var {
	return autograd.Reshape(h, h.Value.Len()/m.Config.Width, m.Config.Width)
}
