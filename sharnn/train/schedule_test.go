package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRate(t *testing.T) {
	base := settings{lr: 1, minLR: 0.1, schedule: cosine}
	with := func(change func(*settings)) settings {
		s := base
		change(&s)
		return s
	}
	for _, c := range []struct {
		name  string
		s     settings
		total int
		want  map[int]float64
	}{
		{"cosine", base, 100, map[int]float64{1: 0.99978, 50: 0.55, 100: 0.1, 150: 0.1}},
		{"cosine of unknown length", base, 0, map[int]float64{1: 1, 1000: 1}},
		{"cosine held", with(func(s *settings) { s.hold = 20 }), 120, map[int]float64{1: 1, 20: 1, 21: 0.99978, 70: 0.55, 120: 0.1}},
		{"cosine warmed up", with(func(s *settings) { s.warmup = 20 }), 120, map[int]float64{1: 0.05, 20: 1, 70: 0.55, 120: 0.1}},
		{"cosine warmed up and held", with(func(s *settings) { s.warmup, s.hold = 10, 20 }), 120, map[int]float64{5: 0.5, 15: 1, 20: 1, 70: 0.55}},
		{"cosine held during warm-up", with(func(s *settings) { s.warmup, s.hold = 20, 10 }), 120, map[int]float64{5: 0.25, 15: 0.75, 20: 1, 70: 0.55}},
		{"warm-up of unknown length", with(func(s *settings) { s.warmup = 20 }), 0, map[int]float64{5: 0.25, 50: 1}},
		{"linear", with(func(s *settings) { s.schedule = linear }), 100, map[int]float64{1: 0.99, 50: 0.5, 100: 0}},
		{"linear held", with(func(s *settings) { s.schedule, s.hold = linear, 20 }), 120, map[int]float64{20: 1, 70: 0.5, 120: 0}},
		{"constant", with(func(s *settings) { s.schedule = constant }), 100, map[int]float64{1: 1, 100: 1}},
		{"the reference's", with(func(s *settings) { s.schedule, s.warmup, s.cooldown = constant, 10, 50 }), 100, map[int]float64{5: 0.5, 30: 1, 75: 0.5, 100: 0}},
		{"a hold longer than the run", with(func(s *settings) { s.hold = 20 }), 10, map[int]float64{10: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for step, want := range c.want {
				assert.InDelta(t, want, c.s.rate(step, c.total), 1e-4, "step %d", step)
			}
		})
	}
}

func TestSegmentRows(t *testing.T) {
	s := defaults()
	lengths := map[int]bool{}
	for i := range 200 {
		T := s.segmentRows(i, 0, 10000)
		assert.True(t, T >= 5 && T <= s.bptt, "%d", T)
		assert.Equal(t, T, s.segmentRows(i, 100, 10000), "it depends on the number alone")
		lengths[T] = true
	}
	assert.Greater(t, len(lengths), 5)
	s.fixedBPTT = true
	assert.Equal(t, s.bptt, s.segmentRows(7, 0, 10000))
	assert.Equal(t, 3, s.segmentRows(7, 96, 100), "what is left")
}

// forecastOf has steps of 0.1 seconds.
func forecastOf(left, evaluation, test float64) forecast {
	return forecast{left: left, start: 0.1, rowsPerStep: 50, epochRows: 1000, evaluation: evaluation, test: test}
}

func TestPlan(t *testing.T) {
	filling := forecastOf(100, 0.5, 0)
	filling.perRow, filling.memory = 0.0001, 500 // ten steps an epoch take 0.1 to 0.145, ten 0.15
	for _, c := range []struct {
		name            string
		f               forecast
		done, interval  int
		more, evaluated int
	}{
		{"evaluations are cheap", forecastOf(100, 0.5, 0), 20, 0, 920, 94},
		{"evaluations are dear", forecastOf(100, 5, 0), 20, 0, 870, 445},
		{"one evaluation is more than a tenth", forecastOf(100, 20, 0), 0, 0, 770, 770},
		{"and a test", forecastOf(100, 20, 20), 0, 0, 570, 570},
		{"evaluating is half of the work", forecastOf(100, 200, 200), 0, 0, 500, 500},
		{"the interval is given", forecastOf(100, 5, 0), 20, 50, 485, 50},
		{"no time is left", forecastOf(-5, 5, 0), 20, 0, 1, 21},
		{"the memory fills in each epoch", filling, 0, 0, 675, 68},
	} {
		t.Run(c.name, func(t *testing.T) {
			more, every := c.f.plan(c.done, c.interval)
			assert.InDelta(t, c.more, more, 1)
			assert.InDelta(t, c.evaluated, every, 1)
		})
	}
}

// A run begins with an empty memory, so its first steps are its quickest.
func TestPaceReachesAhead(t *testing.T) {
	var growing, level, falling pace
	for i := range 30 {
		seconds := 0.1 + 0.0001*float64(64*i)
		if i < coldSteps {
			seconds = 5
		}
		growing.add(64*i, 1000, seconds)
		level.add(0, 1000, 0.2)
		falling.add(64*i, 1000, 1/float64(i+1))
	}
	start, perRow := growing.line()
	assert.InDelta(t, 0.1, start, 1e-9)
	assert.InDelta(t, 0.0001, perRow, 1e-9)
	assert.InDelta(t, 1000, growing.tokensPerStep(), 1e-9)

	start, perRow = level.line()
	assert.InDelta(t, 0.2, start, 1e-9)
	assert.Zero(t, perRow)

	_, perRow = falling.line()
	assert.Zero(t, perRow, "noise")
}
