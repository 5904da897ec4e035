package pool

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// chunksPerWorker bounds the chunks of For: enough to even out workers of unequal speed.
const chunksPerWorker = 4

// A WorkersError is the number of workers, below one, that New was asked for.
type WorkersError int

func (e WorkersError) Error() string {
	return fmt.Sprintf("pool: New(%d): a pool needs at least 1 worker", int(e))
}

// Pool is a fixed number of workers, the caller of Do among them. A nil *Pool is a pool of
// one worker.
type Pool struct {
	job  job
	crew []*worker // the workers besides the caller

	busy   sync.Mutex // held by the Do that has the crew; guards pace and closed
	pace   pace
	closed bool
	epoch  time.Time

	woken atomic.Int32 // a wakeResult, of the last worker to be woken
	quit  atomic.Bool
	alive sync.WaitGroup
}

// New returns a pool of the given number of workers and starts workers-1 goroutines. It
// panics with a WorkersError if workers is below one.
func New(workers int) *Pool {
	if workers < 1 {
		panic(WorkersError(workers))
	}
	p := &Pool{epoch: time.Now()}
	p.job.joined = make(chan struct{}, 1)
	p.job.spin.Store(maxSpin)
	for range workers - 1 {
		w := &worker{wake: make(chan struct{}, 1)}
		p.crew = append(p.crew, w)
		p.alive.Add(1)
		go p.work(w)
	}
	return p
}

// Workers returns the number of workers, the caller included: one for a nil pool.
func (p *Pool) Workers() int {
	if p == nil {
		return 1
	}
	return len(p.crew) + 1
}

// Close waits for a running Do, stops the goroutines and returns when they have left. Do
// runs serially from then on. Close must not be called from within a task.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.busy.Lock()
	defer p.busy.Unlock()
	p.closed = true
	p.quit.Store(true)
	p.job.spin.Store(0)
	for _, w := range p.crew {
		w.rouse()
	}
	p.alive.Wait()
}

// Do runs f(0) to f(n-1) once each and returns when all have finished. With n <= 0 it does
// nothing. A Do from within a task, or while another goroutine's Do has the workers, runs
// its tasks itself.
//
// If tasks panic, the others still run, and Do then panics with the value of the first of
// them, by number.
func (p *Pool) Do(n int, f func(task int)) {
	if n == 1 {
		f(0)
		return
	}
	helpers := p.acquire(n)
	if helpers == 0 {
		serial(n, f)
		return
	}
	p.job.task = f
	p.fork(n, helpers)
}

// For cuts [0, n) in chunks and runs f(lo, hi) once on each; with n <= 0 it does nothing.
// Each chunk is at least grain long, unless n is less, and begins at a multiple of grain; a
// grain below one counts as one.
//
// There are at most a few chunks per worker, so that the borders depend on the number of
// workers: For is for elementwise work only, where they cannot change the result.
func (p *Pool) For(n, grain int, f func(lo, hi int)) {
	if n <= 0 {
		return
	}
	grain = max(grain, 1)
	chunks := min(n/grain, chunksPerWorker*p.Workers())
	helpers := p.acquire(chunks)
	if helpers == 0 {
		f(0, n)
		return
	}
	p.job.chunk = f
	p.job.length, p.job.grain = n, grain
	p.fork(chunks, helpers)
}

// acquire takes the crew for a job of n tasks and returns how many of it may help, or
// returns zero without it.
func (p *Pool) acquire(n int) int {
	if p == nil || n <= 1 || len(p.crew) == 0 {
		return 0
	}
	helpers := min(n, p.Workers(), runtime.GOMAXPROCS(0)) - 1
	if helpers == 0 || !p.busy.TryLock() {
		return 0
	}
	if p.closed {
		p.busy.Unlock()
		return 0
	}
	return helpers
}

// fork runs the job that stands in p.job, of n tasks, with the crew held.
func (p *Pool) fork(n, helpers int) {
	start := time.Since(p.epoch)
	p.job.spin.Store(p.pace.begin(start))
	completed := false
	defer func() { p.join(start, completed) }()
	p.job.open(n)
	p.lead(helpers, start)
	completed = true
}

// lead is the caller's part of a job: it runs tasks until none is left to claim, and wakes
// sleeping helpers when that seems worth its cost.
func (p *Pool) lead(helpers int, start time.Duration) {
	if p.asleep(helpers) {
		patience := p.pace.patience(start, wakeResult(p.woken.Swap(0)))
		for patience > 0 && p.job.step() && time.Since(p.epoch)-start < patience {
		}
		if p.job.left.Load() > 0 {
			p.rouse(helpers)
		}
	}
	p.job.drain()
}

// join waits for the tasks under way, gives the crew back and passes on a panic. The job is
// not completed if a task ended the caller's goroutine: it goes on ending, without the rest.
func (p *Pool) join(start time.Duration, completed bool) {
	if !completed {
		p.job.drop()
	}
	waited := p.job.wait()
	p.job.spin.Store(p.pace.end(start, time.Since(p.epoch), waited))
	failure := p.job.close()
	p.busy.Unlock()
	if completed && failure != nil {
		panic(failure)
	}
}

// serial is Do with the caller alone.
func serial(n int, f func(task int)) {
	var first any
	for i := range n {
		if v := try(f, i); v != nil && first == nil {
			first = v
		}
	}
	if first != nil {
		panic(first)
	}
}

// try returns what f(task) panicked with.
func try(f func(task int), task int) (failure any) {
	defer func() { failure = recover() }()
	f(task)
	return nil
}
