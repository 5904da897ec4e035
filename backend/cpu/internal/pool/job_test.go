package pool

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestJobDropsUnclaimedTasks(t *testing.T) {
	var ran atomic.Int32
	j := job{task: func(int) { ran.Add(1) }}
	j.open(5)
	assert.True(t, j.step())
	j.drop()
	assert.False(t, j.step())
	assert.Zero(t, j.wait())
	assert.Equal(t, int32(1), ran.Load())
}

// A caller whose task ends it, while the workers sleep, leaves the rest and the pool.
func TestGoexitOfTheCaller(t *testing.T) {
	p := New(2)
	defer p.Close()
	for !p.asleep(1) {
		time.Sleep(time.Millisecond)
	}
	p.pace.heldUntil = time.Since(p.epoch) + time.Hour
	ran := 0
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Do(5, func(int) {
			ran++
			runtime.Goexit()
		})
	}()
	<-ended
	assert.Equal(t, 1, ran)
	p.Do(5, func(int) { ran++ })
	assert.Equal(t, 6, ran)
}

// The caller goes to sleep at about the time at which the last task finishes.
func TestJobSleepEndsWithTheLastTask(t *testing.T) {
	j := job{joined: make(chan struct{}, 1)}
	var opened atomic.Int32
	const jobs = 2000
	go func() {
		for i := range int32(jobs) {
			for opened.Load() <= i {
			}
			j.finish(1)
		}
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range jobs {
			j.pending.Store(1)
			opened.Add(1)
			for range i % 64 {
				_ = opened.Load() // lets the finisher come nearer
			}
			j.sleep()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the caller sleeps on after the last task")
	}
}
