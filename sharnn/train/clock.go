package main

import (
	"math"
	"time"
)

// clock is the time of this process's part of a run.
type clock struct {
	began      time.Time
	before     float64   // seconds that the run took before
	saved      time.Time // of the last save
	step       float64   // seconds, a running mean
	evaluation float64   // seconds of the last one
}

func (c *clock) start() {
	c.began = time.Now()
	c.saved = c.began
}

// wall is how many seconds the run has taken.
func (t *trainer) wall() float64 { return t.clock.before + time.Since(t.clock.began).Seconds() }

func (c *clock) stepped(seconds float64) {
	if c.step == 0 {
		c.step = seconds
	}
	c.step += (seconds - c.step) / 50
}

// timeOver tells that a run of known length has used its time up.
func (t *trainer) timeOver() bool {
	return t.minutes > 0 && t.total > 0 && t.wall() >= t.minutes*60
}

// timeLeft is the time to the last step, 0 where it is not known.
func (t *trainer) timeLeft() time.Duration {
	if t.total == 0 {
		return 0
	}
	left := float64(t.total-t.Step) * t.clock.step
	if every := t.evaluationEvery(); every > 0 {
		left += math.Ceil(float64(t.total-t.Step)/float64(every)) * t.clock.evaluation
	}
	return time.Duration(left * float64(time.Second)).Round(time.Second)
}

// settle finds the number of steps, and where the second pass begins, where the
// flags say it.
func (t *trainer) settle() {
	t.total = t.steps
	if t.epochs == 0 {
		return
	}
	if t.secondPass > 0 {
		t.firstPass = t.stepsIn(t.epochs, t.stream.Rows)
	}
	if n := t.stepsIn(t.epochs+t.secondPass, t.stream.Rows); t.total == 0 || n < t.total {
		t.total = n
	}
}
