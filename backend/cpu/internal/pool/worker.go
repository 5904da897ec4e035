package pool

import (
	"sync/atomic"
	"time"
)

// A worker is one goroutine of the crew.
type worker struct {
	wake   chan struct{}
	parked atomic.Bool // it sleeps, or is about to
	_      [64]byte
}

// A wakeResult tells what came of waking a worker.
type wakeResult int32

const (
	unknown wakeResult = iota
	useful             // it worked for at least as long as waking it took
	wasted             // it came too late, or had little to do before it slept again
)

// work is the life of a worker's goroutine. If a task ends it by runtime.Goexit, another
// takes its place.
func (p *Pool) work(w *worker) {
	defer func() {
		if p.quit.Load() {
			p.alive.Done()
			return
		}
		go p.work(w)
	}()
	p.serve()
	for p.park(w) {
		p.woken.Store(int32(p.serve()))
	}
}

// serve runs tasks of one job after another, until a spin between them is in vain.
func (p *Pool) serve() wakeResult {
	woken := time.Now()
	result := wasted
	for p.job.watch() {
		p.job.drain()
		if result == wasted && time.Since(woken) >= wakeTime {
			result = useful
		}
	}
	return result
}

// watch spins until there is a task to claim. It reports false after j.spin looks in vain.
func (j *job) watch() bool {
	x := uint32(1)
	for i := int32(0); ; i++ {
		if j.left.Load() > 0 {
			return true
		}
		if i >= j.spin.Load() {
			return false
		}
		x = pause(x)
	}
}

// park sleeps until roused, and reports false when the pool is closed. A job or a Close that
// came between the last look and the sleep is seen here, or its caller sees parked.
func (p *Pool) park(w *worker) bool {
	w.parked.Store(true)
	stay := p.job.left.Load() > 0 || p.quit.Load()
	if !stay || !w.parked.CompareAndSwap(true, false) {
		<-w.wake
	}
	return !p.quit.Load()
}

// rouse wakes the worker if it sleeps.
func (w *worker) rouse() {
	if w.parked.Load() && w.parked.CompareAndSwap(true, false) {
		w.wake <- struct{}{}
	}
}

// rouse wakes those of the first helpers that sleep.
func (p *Pool) rouse(helpers int) {
	for _, w := range p.crew[:helpers] {
		w.rouse()
	}
}

// asleep reports whether one of the first helpers sleeps.
func (p *Pool) asleep(helpers int) bool {
	for _, w := range p.crew[:helpers] {
		if w.parked.Load() {
			return true
		}
	}
	return false
}

// pause passes about 10 ns without touching memory, in one chain of dependent products that
// leaves the core's other units to a sibling thread.
//
//go:noinline
func pause(x uint32) uint32 {
	for range 8 {
		x = x*1664525 + 1013904223
	}
	return x
}
