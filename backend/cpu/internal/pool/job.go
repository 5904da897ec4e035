package pool

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrGoexit is what Do panics with when a task called runtime.Goexit on another goroutine
// than the caller's, as a test's FailNow does.
var ErrGoexit = errors.New("pool: a task called runtime.Goexit")

// joinSpin is how many times the caller looks for the last task's end before it sleeps,
// about 100 us.
const joinSpin = maxSpin

// A job is the tasks of one Do. All of it is written between Dos or by the goroutine that
// has claimed one of its tasks, which holds the job open until the task is finished: so a
// worker that comes late finds nothing to claim and reads nothing else.
//
// The counters that are polled have cache lines of their own.
type job struct {
	left atomic.Int64 // tasks not claimed; below zero after claims in vain
	spin atomic.Int32 // how many times a worker looks for a job before it sleeps
	_    [64]byte

	pending atomic.Int64  // tasks not finished
	parked  atomic.Bool   // the caller sleeps, or is about to, until pending is zero
	joined  chan struct{} // wakes the caller
	_       [64]byte

	tasks         int
	task          func(task int)   // of Do
	chunk         func(lo, hi int) // of For, if task is nil
	length, grain int              // of For

	failed     sync.Mutex
	failure    any // what the first task to panic, by number, panicked with
	failedTask int
}

// open lets workers claim the n tasks.
func (j *job) open(n int) {
	j.tasks = n
	j.pending.Store(int64(n))
	j.left.Store(int64(n))
}

// drain runs tasks until none is left to claim.
func (j *job) drain() {
	for j.step() {
	}
}

// step claims one task and runs it. It reports whether there was one.
func (j *job) step() (claimed bool) {
	if j.left.Load() <= 0 {
		return false
	}
	left := j.left.Add(-1)
	if left < 0 {
		return false
	}
	task := j.tasks - 1 - int(left)
	returned := false
	defer func() {
		if !returned {
			j.fail(task, recover())
		}
		j.finish(1)
	}()
	claimed = true
	j.run(task)
	returned = true
	return claimed
}

// run calls the function of Do or For.
func (j *job) run(task int) {
	if j.task != nil {
		j.task(task)
		return
	}
	units := j.length / j.grain
	lo := task * units / j.tasks * j.grain
	hi := (task + 1) * units / j.tasks * j.grain
	if task == j.tasks-1 {
		hi = j.length
	}
	j.chunk(lo, hi)
}

// fail notes what a task panicked with: nothing, if it called runtime.Goexit.
func (j *job) fail(task int, v any) {
	if v == nil {
		v = ErrGoexit
	}
	j.failed.Lock()
	defer j.failed.Unlock()
	if j.failure == nil || task < j.failedTask {
		j.failure, j.failedTask = v, task
	}
}

// finish counts n tasks as finished, and wakes a sleeping caller after the last.
func (j *job) finish(n int64) {
	if j.pending.Add(-n) == 0 && j.parked.CompareAndSwap(true, false) {
		j.joined <- struct{}{}
	}
}

// wait returns when the claimed tasks have finished, and tells how long it slept.
func (j *job) wait() time.Duration {
	x := uint32(1)
	for range joinSpin {
		if j.pending.Load() == 0 {
			return 0
		}
		x = pause(x)
	}
	start := time.Now()
	j.sleep()
	return time.Since(start)
}

// sleep returns when the claimed tasks have finished. A token of an earlier job's finisher
// may wake it too soon, hence the loop.
func (j *job) sleep() {
	for j.pending.Load() != 0 {
		j.parked.Store(true)
		// Either the finisher of the last task sees parked, or this sees its pending.
		if j.pending.Load() == 0 && j.parked.CompareAndSwap(true, false) {
			return
		}
		<-j.joined
	}
}

// drop gives up the tasks that nobody has claimed.
func (j *job) drop() {
	if left := j.left.Swap(0); left > 0 {
		j.finish(left)
	}
}

// close forgets the job and returns its failure.
func (j *job) close() any {
	failure := j.failure
	j.task, j.chunk, j.failure = nil, nil, nil
	return failure
}
