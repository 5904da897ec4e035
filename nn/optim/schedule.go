package optim

import "math"

// Schedule is the learning rate of a step, a pure function. Steps count from 1.
type Schedule func(step int) float64

// Constant is lr at every step.
func Constant(lr float64) Schedule {
	return func(int) float64 { return lr }
}

// WarmupCooldown is the schedule of Smerity's SHA-RNN: lr rises linearly from 0
// to its full value at step warmup; from step cooldown on it falls linearly, to
// reach 0 at step 2*cooldown. 0 stands for no warm-up, or no cool-down:
//
//	lr * (min(step, warmup)/warmup - cool)
//	cool = max(min(step-cooldown, cooldown)/cooldown, 0)
//
// Where the fall outruns the rise the rate stays 0.
func WarmupCooldown(lr float64, warmup, cooldown int) Schedule {
	return func(step int) float64 {
		cool := 0.0
		if cooldown > 0 {
			cool = max(float64(min(step-cooldown, cooldown))/float64(cooldown), 0)
		}
		return lr * max(warm(step, warmup)-cool, 0)
	}
}

// Linear rises to lr at step warmup and falls to 0 over the n steps after it.
func Linear(lr float64, warmup, n int) Schedule {
	return func(step int) float64 {
		return lr * min(warm(step, warmup), 1-done(step-warmup, n))
	}
}

// Cosine rises to lr at step warmup and falls to floor over the n steps after
// it, as half a cosine (Loshchilov and Hutter, arXiv 1608.03983).
func Cosine(lr, floor float64, warmup, n int) Schedule {
	return func(step int) float64 {
		if step < warmup {
			return lr * warm(step, warmup)
		}
		return floor + (lr-floor)*(1+math.Cos(math.Pi*done(step-warmup, n)))/2
	}
}

// warm is the fraction of the warm-up that is over.
func warm(step, warmup int) float64 {
	if warmup <= 0 {
		return 1
	}
	return float64(min(step, warmup)) / float64(warmup)
}

// done is the fraction of n steps that is over.
func done(step, n int) float64 {
	if n <= 0 {
		return 1
	}
	return float64(min(max(step, 0), n)) / float64(n)
}
