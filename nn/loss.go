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
		TailBias:    NewParam(b, dtype, 0, len(splits)),
	}
}

// Params carry the reference's names.
func (s *SplitCrossEntropy) Params() iter.Seq2[string, *Param] {
	return Join(Named{"tail_vectors", s.TailVectors}, Named{"tail_bias", s.TailBias})
}

// Loss is the mean cross-entropy in nats of targets under hidden (N, H) and
// the decoder's weight (V, H) and bias (V).
func (s *SplitCrossEntropy) Loss(hidden, weight, bias *autograd.Var, targets []int32) *autograd.Var {
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
	loss := autograd.Sum(autograd.CrossEntropy(s.headLogits(hidden, weight, bias), constant(t, headTargets)))
	for g := range s.Splits {
		if len(rows[g]) == 0 {
			continue
		}
		logits := s.tailLogits(autograd.Gather(hidden, constant(t, rows[g])), weight, bias, g+1)
		loss = autograd.Add(loss, autograd.Sum(autograd.CrossEntropy(logits, constant(t, members[g]))))
	}
	return autograd.Scale(loss, 1/float64(len(targets)))
}

// LogProb are the log probabilities (N, V) of all symbols.
func (s *SplitCrossEntropy) LogProb(hidden, weight, bias *autograd.Var) *autograd.Var {
	head := autograd.LogSoftmax(s.headLogits(hidden, weight, bias))
	parts := []*autograd.Var{autograd.Slice(head, 1, 0, s.Splits[0])}
	for g := 1; g <= len(s.Splits); g++ {
		at := s.tombstone(s.Splits[0], g)
		within := autograd.LogSoftmax(s.tailLogits(hidden, weight, bias, g))
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

// headLogits are (N, head + groups - 1).
func (s *SplitCrossEntropy) headLogits(hidden, weight, bias *autograd.Var) *autograd.Var {
	t := hidden.Tape()
	return autograd.Linear(hidden,
		autograd.Concat(0, autograd.Slice(weight, 0, 0, s.Splits[0]), s.TailVectors.On(t)),
		autograd.Concat(0, autograd.Slice(bias, 0, 0, s.Splits[0]), s.TailBias.On(t)))
}

// tailLogits are those of a group's own symbols.
func (s *SplitCrossEntropy) tailLogits(hidden, weight, bias *autograd.Var, group int) *autograd.Var {
	lo, hi := s.Splits[group-1], weight.Value.Dim(0)
	if group < len(s.Splits) {
		hi = s.Splits[group]
	}
	return autograd.Linear(hidden, autograd.Slice(weight, 0, lo, hi), autograd.Slice(bias, 0, lo, hi))
}

func constant(t *autograd.Tape, data []int32) *autograd.Var {
	return t.Own(backend.FromSlice(t.Backend, data, len(data)))
}
