package main

import (
	"math"

	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// The schedules.
const (
	cosine   = "cosine"
	linear   = "linear"
	constant = "constant"
	plateau  = "plateau"
)

var schedules = []string{cosine, linear, constant, plateau}

// segmentSite keeps the lengths of segments in a stream apart from dropout
// masks, initial values and samples.
const segmentSite = 1 << 26

// maxSteps is where the step no longer fits a random key.
const maxSteps = math.MaxUint32 / 2

// rate is the learning rate of a step, from 1, of a run of total steps. While
// these are not known (0), and through step hold, it is what every schedule
// begins with.
func (s *settings) rate(step, total int) float64 {
	if s.schedule == constant || s.schedule == plateau {
		return optim.WarmupCooldown(s.lr, s.warmup, s.cooldown)(step)
	}
	if total == 0 || step <= s.hold {
		return optim.WarmupCooldown(s.lr, s.warmup, 0)(step)
	}
	top := max(s.warmup, s.hold)
	if s.schedule == linear {
		return optim.Linear(s.lr, top, total-top)(step)
	}
	return optim.Cosine(s.lr, s.minLR, top, total-top)(step)
}

// rateNow is the learning rate of the step at hand.
func (t *trainer) rateNow() float64 {
	if t.Halvings > 0 && (t.schedule == constant || t.schedule == plateau) {
		return t.halvedRate()
	}
	return t.rate(t.Step, t.total)
}

// segmentRows is the length of a segment that begins at row of rows, the
// number-th since the run began: about bptt, and no more than is left.
func (s *settings) segmentRows(number, row, rows int) int {
	T := s.bptt
	if !s.fixedBPTT && !s.overfit {
		key := tensor.Key{Seed: s.seed, Step: uint32(number), Site: segmentSite}
		T = corpus.SegmentLength(s.bptt, key.Uniform(0), key.Normal(1))
	}
	return min(T, rows-1-row)
}

// epochOver tells that an epoch has no segment of two targets or more left, at
// which the reference ends it.
func epochOver(row, rows int) bool { return row >= rows-2 }

// stepsIn counts the steps of epochs, at most maxSteps.
func (s *settings) stepsIn(epochs, rows int) int {
	steps, number := 0, 0
	for range epochs {
		segments := 0
		for row := 0; !epochOver(row, rows) && steps < maxSteps; {
			if segments%s.accumulate == 0 {
				steps++
			}
			row += s.segmentRows(number, row, rows)
			segments++
			number++
		}
	}
	return steps
}
