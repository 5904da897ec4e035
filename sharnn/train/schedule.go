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
)

var schedules = []string{cosine, linear, constant}

// segmentSite keeps the lengths of segments in a stream apart from dropout
// masks, initial values and samples.
const segmentSite = 1 << 26

// maxSteps is where the step no longer fits a random key.
const maxSteps = math.MaxUint32 / 2

// rate is the learning rate of a step, from 1, of a run of total steps. While
// these are not known (0), and through step hold, it is what every schedule
// begins with.
func (s *settings) rate(step, total int) float64 {
	if s.schedule == constant {
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

// segmentRows is the length of a segment that begins at row of rows, the
// number-th since the run began: about bptt, and no more than is left.
func (s *settings) segmentRows(number, row, rows int) int {
	T := s.bptt
	if !s.fixedBPTT {
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

// pace is how long steps take, by the rows that the memory holds: attention
// reads them all, and a run begins with none.
type pace struct {
	rows    []float64 // of the memory, at each measured step
	seconds []float64
	tokens  int
}

// coldSteps are not measured: they allocate.
const coldSteps = 3

func (p *pace) add(rows, tokens int, seconds float64) {
	p.rows = append(p.rows, float64(rows))
	p.seconds = append(p.seconds, seconds)
	p.tokens += tokens
}

func (p *pace) tokensPerStep() float64 { return float64(p.tokens) / float64(len(p.seconds)) }

// enoughSteps is how many steps settle the speed of a model whose memory is
// filled by segments of bptt rows.
func (s *settings) enoughSteps() int {
	n := 20
	if s.attention != "none" {
		n += s.mem / s.bptt
	}
	return n
}

// enough tells whether the speed is known: after enoughSteps, or sooner where
// they would take more than a tenth of the time.
func (p *pace) enough(s *settings, wall float64) bool {
	n := len(p.seconds)
	return n >= s.enoughSteps() || n > coldSteps+2 && wall > s.minutes*60/10
}

// secondsAt is the time of a step with a memory of so many rows, by the line
// a + b*rows, b >= 0, that fits the measured steps best.
func (p *pace) secondsAt(rows float64) float64 {
	x, y := p.rows[coldSteps:], p.seconds[coldSteps:]
	meanX, meanY := mean(x), mean(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - meanX) * (y[i] - meanY)
		xx += (x[i] - meanX) * (x[i] - meanX)
	}
	if xx == 0 || xy < 0 {
		return meanY
	}
	return max(meanY+xy/xx*(rows-meanX), meanY/2)
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// meanMemory is how many rows a memory of mem positions holds on average over
// an epoch of so many rows, in which it fills once.
func meanMemory(mem, rows int) float64 {
	m, n := float64(mem), float64(rows)
	if m >= n {
		return n / 2
	}
	return m * (1 - m/(2*n))
}

// budget is what a run of limited time is planned from, in seconds.
type budget struct {
	left       float64 // to spend
	step       float64 // of training
	evaluation float64 // of the validation part
	test       float64 // of the test part
}

// Of the time that is left, this share is planned, since speed varies; and a
// run that planned itself is stopped only when it takes this much more time.
const (
	planned = 0.97
	overrun = 1.1
)

// plan is how many more steps fit into a budget, and the steps between
// evaluations: interval where it is given, else a tenth of the whole run or less
// often, so that evaluations take a tenth of the time at most. done steps lie
// behind. At least one more step is planned.
func (b budget) plan(done, interval int) (more, every int) {
	left := b.left*planned - b.test
	if interval > 0 {
		n := left / (b.step + b.evaluation/float64(interval))
		return max(int(n), 1), interval
	}
	count := min(max(math.Floor(b.left/10/b.evaluation), 1), 10)
	more = max(int((left-count*b.evaluation)/b.step), 1)
	return more, evaluationsEvery(done+more, int(count))
}

// evaluationsEvery spreads count evaluations over steps, the last at the end.
func evaluationsEvery(steps, count int) int { return max((steps+count-1)/count, 1) }
