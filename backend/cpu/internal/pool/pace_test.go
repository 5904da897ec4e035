package pool

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
)

func TestPaceSpinFollowsTheGaps(t *testing.T) {
	var c pace
	now := time.Second
	job := func(gap time.Duration) int32 {
		now += gap
		spin := c.begin(now)
		now += 10 * time.Microsecond
		assert.Equal(t, spin, c.end(now-10*time.Microsecond, now, 0))
		return spin
	}
	job(time.Second)
	assert.Equal(t, int32(minSpin), job(time.Microsecond))
	assert.Equal(t, int32(2*minSpin), job(wakeTime))
	for range 10 {
		job(time.Microsecond)
	}
	assert.Equal(t, int32(maxSpin), job(time.Microsecond))
	assert.Equal(t, int32(maxSpin/2), job(2*wakeTime))
	for range 20 {
		job(2 * wakeTime)
	}
	assert.Zero(t, job(2*wakeTime))
}

func TestPaceSkipsAfterWakingInVain(t *testing.T) {
	var c pace
	// skipped counts the jobs until the next waking.
	skipped := func(last wakeResult) int {
		jobs := 0
		for ; c.patience(0, last) > 0; last = unknown {
			jobs++
		}
		return jobs
	}
	var got []int
	for _, last := range []wakeResult{unknown, wasted, wasted, wasted, useful, wasted} {
		got = append(got, skipped(last))
	}
	assert.Empty(t, cmp.Diff([]int{0, 1, 3, 7, 0, 1}, got))
	assert.Equal(t, 3*skipTime, c.patience(0, wasted), "a longer job wakes the workers late")
	for range 20 {
		skipped(wasted)
	}
	assert.Equal(t, maxSkips, skipped(wasted))
}

func TestPaceHoldsAfterAStall(t *testing.T) {
	var c pace
	const own = 10 * time.Microsecond
	now := time.Second
	// job takes a job whose caller waited asleep, and tells for how long it holds then.
	job := func(waited time.Duration) time.Duration {
		start := now
		c.begin(start)
		now += own + waited
		c.end(start, now, waited)
		return max(0, c.heldUntil-now)
	}
	assert.Zero(t, job(stallFloor), "too short for a stall")
	assert.Equal(t, minHold, job(2*stallFloor))
	assert.Equal(t, heldTime, c.patience(now, useful))
	assert.Zero(t, c.begin(now))
	for hold := 2 * minHold; hold <= maxHold; hold *= 2 {
		now = c.heldUntil
		assert.Zero(t, c.patience(now, unknown))
		assert.Equal(t, hold, job(2*stallFloor), "soon after the last")
	}
	now = c.heldUntil
	assert.Equal(t, maxHold, job(2*stallFloor))
	now = c.heldUntil + 4*maxHold
	assert.Equal(t, minHold, job(2*stallFloor), "long after the last")

	now = c.heldUntil
	start := now
	now += 5 * time.Millisecond
	c.end(start, now, 3*time.Millisecond)
	assert.Less(t, c.heldUntil, now, "a wait for tasks as long as the caller's is no stall")
}
