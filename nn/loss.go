package nn

import (
	"fmt"
	"iter"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// CrossEntropy is the mean over all targets of -log softmax(logits)[target],
// in nats: logits (..., V), targets int32 (...).
func CrossEntropy(logits, targets *autograd.Var) *autograd.Var {
	return autograd.Mean(autograd.CrossEntropy(logits, targets))
}

// heldLogits are the most logits that LinearCrossEntropy keeps from the forward
// pass to the backward pass: with their gradients 32 MB of float32. Past them it
// computes them twice, a third more arithmetic for the decoder.
const heldLogits = 1 << 22

// LinearCrossEntropy are the cross-entropies in nats of targets, int32 (...),
// under the scores x w^T + b: x (..., H), w (V, H), b (V), result (...).
func LinearCrossEntropy(x, w, b, targets *autograd.Var) *autograd.Var {
	if (x.Tracked() || w.Tracked()) && targets.Value.Len()*w.Value.Dim(0) <= heldLogits {
		return autograd.CrossEntropy(autograd.Linear(x, w, b), targets)
	}
	return autograd.LinearCrossEntropy(x, w, b, targets)
}

// SplitCrossEntropy is the adaptive softmax of the reference: frequent symbols
// stand in a head beside one "tombstone" for each rarer group; a rare symbol's
// probability is its tombstone's times its own within the group. The decoder's
// weights are shared by all groups.
type SplitCrossEntropy struct {
	Splits      []int  // first symbol of each group but the head's, increasing
	TailVectors *Param // (groups-1, H): the tombstones' weights
	TailBias    *Param // (groups-1)
}

// NewSplitCrossEntropy allocates zero tombstones for the given split points.
func NewSplitCrossEntropy(b backend.Backend, dtype tensor.DType, width int, splits ...int) *SplitCrossEntropy {
	for i, s := range splits {
		if s < 1 || i > 0 && s <= splits[i-1] {
			panic(&tensor.Error{Op: "NewSplitCrossEntropy", Msg: fmt.Sprintf("split points %v do not increase from 1", splits)})
		}
	}
	return &SplitCrossEntropy{
		Splits:      splits,
		TailVectors: NewParam(b, dtype, 0, len(splits), width),
		TailBias:    NewParam(b, dtype.Compute(), 0, len(splits)),
	}
}

// Params carry the reference's names.
func (s *SplitCrossEntropy) Params() iter.Seq2[string, *Param] {
	return Join(Named{"tail_vectors", s.TailVectors}, Named{"tail_bias", s.TailBias})
}

// Loss is the mean cross-entropy in nats of targets under hidden (N, H) and
// the decoder's weight (V, H) and bias (V).
func (s *SplitCrossEntropy) Loss(hidden, weight, bias *autograd.Var, targets []int32) *autograd.Var {
	var loss *autograd.Var
	for _, t := range s.terms(hidden, weight, bias, targets) {
		if loss == nil {
			loss = autograd.Sum(t.losses)
			continue
		}
		loss = autograd.Add(loss, autograd.Sum(t.losses))
	}
	return autograd.Scale(loss, 1/float64(len(targets)))
}

// Losses are the cross-entropies of all targets, read back.
func (s *SplitCrossEntropy) Losses(hidden, weight, bias *autograd.Var, targets []int32) ([]float64, error) {
	sums := make([]float64, len(targets))
	for _, t := range s.terms(hidden, weight, bias, targets) {
		losses, err := backend.Floats(hidden.Tape().Backend, t.losses.Value)
		if err != nil {
			return nil, err
		}
		for i, loss := range losses {
			if t.rows != nil {
				i = int(t.rows[i])
			}
			sums[i] += loss
		}
	}
	return sums, nil
}

// term are the cross-entropies of targets under one softmax: of all of them under
// the head's, or of those at rows under their group's.
type term struct {
	rows   []int32
	losses *autograd.Var
}

// terms are the losses that add up to those of all targets. A group that no
// target is in costs nothing.
func (s *SplitCrossEntropy) terms(hidden, weight, bias *autograd.Var, targets []int32) []term {
	t, head := hidden.Tape(), s.Splits[0]
	headTargets := make([]int32, len(targets))
	members, rows := make([][]int32, len(s.Splits)), make([][]int32, len(s.Splits))
	for i, target := range targets {
		group := s.group(target)
		if group == 0 {
			headTargets[i] = target
			continue
		}
		headTargets[i] = int32(s.tombstone(head, group))
		rows[group-1] = append(rows[group-1], int32(i))
		members[group-1] = append(members[group-1], target-int32(s.Splits[group-1]))
	}
	out := []term{{nil, s.headLosses(hidden, weight, bias, constant(t, headTargets))}}
	for g := range s.Splits {
		if len(rows[g]) == 0 {
			continue
		}
		w, b := s.tail(weight, bias, g+1)
		own := autograd.Gather(hidden, constant(t, rows[g]))
		out = append(out, term{rows[g], LinearCrossEntropy(own, w, b, constant(t, members[g]))})
	}
	return out
}

// LogProb are the log probabilities (N, V) of all symbols.
func (s *SplitCrossEntropy) LogProb(hidden, weight, bias *autograd.Var) *autograd.Var {
	head := autograd.LogSoftmax(s.headLogits(hidden, weight, bias))
	parts := []*autograd.Var{autograd.Slice(head, 1, 0, s.Splits[0])}
	for g := 1; g <= len(s.Splits); g++ {
		at := s.tombstone(s.Splits[0], g)
		w, b := s.tail(weight, bias, g)
		within := autograd.LogSoftmax(autograd.Linear(hidden, w, b))
		parts = append(parts, autograd.Add(within, autograd.Slice(head, 1, at, at+1)))
	}
	return autograd.Concat(1, parts...)
}

// group is 0 for the head.
func (s *SplitCrossEntropy) group(target int32) int {
	g := 0
	for g < len(s.Splits) && int(target) >= s.Splits[g] {
		g++
	}
	return g
}

// tombstone is a group's column in the head: the reference counts them from
// the end.
func (s *SplitCrossEntropy) tombstone(head, group int) int { return head + len(s.Splits) - group }

// headLosses are the cross-entropies of targets in the head, tombstones among
// them. Weights that are stored in another type than they compute in cannot be
// joined, and scores can.
func (s *SplitCrossEntropy) headLosses(hidden, weight, bias, targets *autograd.Var) *autograd.Var {
	if weight.Value.DType != hidden.Value.DType {
		return autograd.CrossEntropy(s.headLogits(hidden, weight, bias), targets)
	}
	t := weight.Tape()
	return LinearCrossEntropy(hidden,
		autograd.Concat(0, autograd.Slice(weight, 0, 0, s.Splits[0]), s.TailVectors.On(t)),
		autograd.Concat(0, autograd.Slice(bias, 0, 0, s.Splits[0]), s.TailBias.On(t)), targets)
}

// headLogits are (N, head + groups - 1).
func (s *SplitCrossEntropy) headLogits(hidden, weight, bias *autograd.Var) *autograd.Var {
	t := hidden.Tape()
	return autograd.Concat(1,
		autograd.Linear(hidden, autograd.Slice(weight, 0, 0, s.Splits[0]), autograd.Slice(bias, 0, 0, s.Splits[0])),
		autograd.Linear(hidden, s.TailVectors.On(t), s.TailBias.On(t)))
}

// tail are the weights and biases of a group's own symbols.
func (s *SplitCrossEntropy) tail(weight, bias *autograd.Var, group int) (w, b *autograd.Var) {
	lo, hi := s.Splits[group-1], weight.Value.Dim(0)
	if group < len(s.Splits) {
		hi = s.Splits[group]
	}
	return autograd.Slice(weight, 0, lo, hi), autograd.Slice(bias, 0, lo, hi)
}

func constant(t *autograd.Tape, data []int32) *autograd.Var {
	return t.Own(backend.FromSlice(t.Backend, data, len(data)))
}
