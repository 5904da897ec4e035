package main

import "math"

// pace is how long steps take, by the rows that the memory holds: attention
// reads them all, and a run begins with none.
type pace struct {
	rows    []float64 // of the memory, at each measured step
	seconds []float64
	tokens  int
}

// coldSteps are not counted: they allocate.
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

// line is the time of a step, start + perRow*rows, that fits the measured steps
// best, with neither below 0.
func (p *pace) line() (start, perRow float64) {
	x, y := p.rows[coldSteps:], p.seconds[coldSteps:]
	meanX, meanY := mean(x), mean(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - meanX) * (y[i] - meanY)
		xx += (x[i] - meanX) * (x[i] - meanX)
	}
	if xx == 0 || xy < 0 {
		return meanY, 0
	}
	if perRow = xy / xx; perRow*meanX > meanY {
		perRow = meanY / meanX
	}
	return meanY - perRow*meanX, perRow
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// forecast is what a run of limited time is planned from, in seconds.
type forecast struct {
	left        float64 // to spend
	start       float64 // of a step, see line
	perRow      float64
	row         int // where the run stands in an epoch
	rowsPerStep float64
	epochRows   int
	memory      int     // rows, at most
	evaluation  float64 // of the validation part
	test        float64 // of the test part
}

// Of the time that is left, this share is planned, since speed varies; and a
// run that planned itself is stopped only when it takes this much more time.
const (
	planned = 0.97
	overrun = 1.1
)

// plan is how many more steps fit, and the steps between evaluations: interval
// where it is given, else a tenth of the whole run or less often, so that
// evaluations take a tenth of the time at most. Where even one evaluation and
// the test take more than half of it, training has the other half, and the run
// ends late. done steps lie behind. At least one more step is planned.
func (f forecast) plan(done, interval int) (more, every int) {
	left := f.left*planned - f.test
	if interval > 0 {
		return f.stepsWithin(left, f.evaluation/float64(interval)), interval
	}
	count := min(max(math.Floor(f.left/10/f.evaluation), 1), 10)
	more = f.stepsWithin(max(left-count*f.evaluation, f.left/2), 0)
	return more, evaluationsEvery(done+more, int(count))
}

// stepsWithin is how many steps take so many seconds, each with extra seconds,
// as the memory fills in each epoch.
func (f forecast) stepsWithin(seconds, extra float64) int {
	steps, row := 0, float64(f.row)
	for steps < maxSteps {
		seconds -= f.start + f.perRow*min(row, float64(f.memory)) + extra
		if seconds < 0 {
			break
		}
		steps++
		if row += f.rowsPerStep; row >= float64(f.epochRows) {
			row = 0
		}
	}
	return max(steps, 1)
}

// evaluationsEvery spreads count evaluations over steps, the last at the end.
func evaluationsEvery(steps, count int) int { return max((steps+count-1)/count, 1) }

// evaluationCost is about what evaluating a target costs, as a share of
// training on it.
const evaluationCost = 0.4

// plan sets the number of steps of a run that was given a time, once its speed
// is known.
func (t *trainer) plan() error {
	start, perRow := t.pace.line()
	tokens := t.pace.tokensPerStep()
	evaluating := func(p part) float64 {
		if p.ids == nil {
			return 0
		}
		rows := min(t.mem, p.ids.Len()/t.evalBatch/2)
		return evaluationCost * (start + perRow*float64(rows)) / tokens * float64(p.ids.Len())
	}
	f := forecast{
		left:  t.minutes*60 - t.wall(),
		start: start, perRow: perRow,
		row: t.Row, rowsPerStep: tokens / float64(t.batchSize), epochRows: t.stream.Rows, memory: t.mem,
		evaluation: evaluating(t.valid), test: evaluating(t.test),
	}
	more, every := f.plan(t.Step, t.evalInterval)
	t.hold, t.steps, t.evalInterval = t.Step, min(t.Step+more, maxSteps), every
	t.minutes *= overrun
	t.total = t.steps
	t.clock.evaluation = f.evaluation
	t.report.printf("measured the speed: the run has %d steps and an evaluation every %d; the same again: -steps %d -hold %d -eval-interval %d",
		t.steps, every, t.steps, t.hold, every)
	t.showBar()
	if err := t.saveSettings(t.out); err != nil {
		return err
	}
	return t.save()
}
