package pool

import "time"

const (
	maxSpin = 10_000 // looks of about 10 ns
	minSpin = 100
	// wakeTime is about what it takes to wake a thread, and the time of maxSpin looks.
	wakeTime = 100 * time.Microsecond

	// A job that skips waking wakes after all once it has taken skipTime for each of the
	// skips that are due, or heldTime, about what another process may keep a processor for.
	maxSkips = 255
	skipTime = wakeTime / 2
	heldTime = 3 * time.Millisecond

	// A join has stalled if the caller slept for longer than stallFloor and than stallRatio
	// times what it had done itself: a running worker would have finished its task.
	stallFloor = time.Millisecond
	stallRatio = 4

	minHold = 5 * time.Millisecond
	maxHold = 320 * time.Millisecond
)

// A pace decides how long idle workers spin and when sleeping ones are woken, from how
// well that went so far. Times are since the pool's epoch.
type pace struct {
	spin  int32
	ended time.Duration // the last job's end

	skips, skipsLeft int // jobs to be done without waking, after a waking in vain

	hold, heldUntil time.Duration // after a stall, short jobs stay with their caller
}

// begin notes that a job starts now and returns the spin of workers that wait for tasks. It
// grows when spinning would have bridged the gap since the last job, and shrinks otherwise.
func (c *pace) begin(now time.Duration) int32 {
	switch {
	case now < c.heldUntil:
		c.spin = 0
	case now-c.ended <= wakeTime:
		c.spin = min(max(2*c.spin, minSpin), maxSpin)
	default:
		c.spin /= 2
	}
	return c.spin
}

// patience returns how long the job that starts now goes on without waking the workers that
// sleep, given what came of the last waking.
func (c *pace) patience(now time.Duration, last wakeResult) time.Duration {
	switch last {
	case useful:
		c.skips, c.skipsLeft = 0, 0
	case wasted:
		c.skips = min(2*c.skips+1, maxSkips)
		c.skipsLeft = c.skips
	}
	skip := time.Duration(c.skips) * skipTime
	if now < c.heldUntil {
		return max(skip, heldTime)
	}
	if c.skipsLeft > 0 {
		c.skipsLeft--
		return skip
	}
	return 0
}

// end notes the end of a job whose caller slept in the join for the time waited, and
// returns the spin. A stall soon after the last one doubles the hold.
func (c *pace) end(start, now, waited time.Duration) int32 {
	c.ended = now
	if waited <= stallFloor || waited <= stallRatio*(now-start-waited) {
		return c.spin
	}
	if c.hold > 0 && now-c.heldUntil < 4*c.hold {
		c.hold = min(2*c.hold, maxHold)
	} else {
		c.hold = minHold
	}
	c.heldUntil = now + c.hold
	c.spin = 0
	return 0
}
