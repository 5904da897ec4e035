package pool_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// eachPool runs the test with pools of several sizes, the nil pool (size 0) among them.
func eachPool(t *testing.T, test func(t *testing.T, p *pool.Pool)) {
	for _, workers := range []int{0, 1, 2, 3, 8} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			var p *pool.Pool
			if workers > 0 {
				p = pool.New(workers)
			}
			defer p.Close()
			test(t, p)
		})
	}
}

// once is what n counters read if each task has run once.
func once(n int) []int32 {
	want := make([]int32, max(n, 0))
	for i := range want {
		want[i] = 1
	}
	return want
}

func count(p *pool.Pool, n int) []int32 {
	got := make([]int32, max(n, 0))
	p.Do(n, func(task int) { atomic.AddInt32(&got[task], 1) })
	return got
}

func panicOf(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestNew(t *testing.T) {
	for _, workers := range []int{0, -1} {
		assert.PanicsWithError(t, fmt.Sprintf("pool: New(%d): a pool needs at least 1 worker", workers),
			func() { pool.New(workers) })
	}
	var none *pool.Pool
	assert.Equal(t, 1, none.Workers())
	p := pool.New(3)
	defer p.Close()
	assert.Equal(t, 3, p.Workers())
}

func TestDoRunsEachTaskOnce(t *testing.T) {
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		for _, n := range []int{-1, 0, 1, 2, 3, 7, 64, 1000} {
			for range 20 {
				require.Empty(t, cmp.Diff(once(n), count(p, n)), "n=%d", n)
			}
		}
	})
}

// A job of long tasks must reach the other worker, awake or asleep.
func TestDoUsesTheWorkers(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	for _, idle := range []time.Duration{0, 20 * time.Millisecond} {
		time.Sleep(idle)
		var running, most atomic.Int32
		p.Do(8, func(int) {
			now := running.Add(1)
			for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
			}
			time.Sleep(10 * time.Millisecond)
			running.Add(-1)
		})
		assert.Equal(t, int32(2), most.Load(), "after %v idle", idle)
	}
}

func TestDoNested(t *testing.T) {
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		var got [5][7]atomic.Int32
		p.Do(5, func(i int) {
			p.Do(7, func(k int) { got[i][k].Add(1) })
		})
		for i := range got {
			for k := range got[i] {
				require.Equal(t, int32(1), got[i][k].Load(), "task %d.%d", i, k)
			}
		}
	})
}

func TestDoConcurrent(t *testing.T) {
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for n := range 100 {
					assert.Empty(t, cmp.Diff(once(n), count(p, n)))
				}
			})
		}
		wg.Wait()
	})
}

func TestPanicIsRaisedAfterTheOtherTasks(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	tests := []struct {
		name   string
		n      int
		panics map[int]any
		want   any
	}{
		{"only task", 1, map[int]any{0: first}, first},
		{"caller's first task", 9, map[int]any{0: first}, first},
		{"last task", 9, map[int]any{8: first}, first},
		{"lowest of two", 9, map[int]any{3: first, 4: second}, first},
		{"all", 3, map[int]any{0: first, 1: second, 2: second}, first},
	}
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		for _, test := range tests {
			for range 50 {
				var ran atomic.Int32
				got := panicOf(func() {
					p.Do(test.n, func(task int) {
						ran.Add(1)
						if v := test.panics[task]; v != nil {
							panic(v)
						}
					})
				})
				require.Equal(t, test.want, got, test.name)
				require.Equal(t, int32(test.n), ran.Load(), test.name)
				require.Empty(t, cmp.Diff(once(10), count(p, 10)), "the pool after %s", test.name)
			}
		}
	})
}

func TestNilPanicIsRaised(t *testing.T) {
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		assert.IsType(t, &runtime.PanicNilError{}, panicOf(func() {
			p.Do(4, func(int) { panic(nil) })
		}))
	})
}

// A task that ends its goroutine ends the caller, or else is reported to it; the pool stays
// whole in both cases.
func TestGoexit(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	for task := range 40 {
		var raised any
		var wg sync.WaitGroup
		wg.Go(func() {
			raised = panicOf(func() {
				p.Do(40, func(i int) {
					time.Sleep(20 * time.Microsecond)
					if i == task {
						runtime.Goexit()
					}
				})
			})
		})
		wg.Wait()
		if raised != nil {
			require.Equal(t, pool.ErrGoexit, raised)
		}
		require.Empty(t, cmp.Diff(once(10), count(p, 10)))
	}
}

func TestFor(t *testing.T) {
	tests := []struct{ n, grain int }{
		{-3, 4}, {0, 4}, {1, 4}, {7, 8}, {8, 8}, {15, 8}, {16, 8}, {17, 8}, {1000, 8}, {1001, 1},
		{1000, 0}, {1000, -5}, {10_003, 64},
	}
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		for _, test := range tests {
			grain := max(test.grain, 1)
			got := make([]int32, max(test.n, 0))
			var chunks atomic.Int32
			p.For(test.n, test.grain, func(lo, hi int) {
				chunks.Add(1)
				assert.GreaterOrEqual(t, hi-lo, min(grain, test.n), "%+v: [%d, %d)", test, lo, hi)
				assert.Zero(t, lo%grain, "%+v: [%d, %d)", test, lo, hi)
				for i := lo; i < hi; i++ {
					atomic.AddInt32(&got[i], 1)
				}
			})
			assert.Empty(t, cmp.Diff(once(test.n), got), "%+v", test)
			assert.LessOrEqual(t, int(chunks.Load()), 4*p.Workers(), "%+v", test)
		}
	})
}

func TestForPanic(t *testing.T) {
	eachPool(t, func(t *testing.T, p *pool.Pool) {
		assert.Equal(t, "at 0", panicOf(func() {
			p.For(100, 10, func(lo, _ int) { panic(fmt.Sprint("at ", lo)) })
		}))
	})
}

func TestClose(t *testing.T) {
	for _, idle := range []time.Duration{0, 20 * time.Millisecond} {
		p := pool.New(4)
		count(p, 10)
		time.Sleep(idle)
		p.Close()
		p.Close()
		assert.Empty(t, cmp.Diff(once(10), count(p, 10)))
		assert.Equal(t, 4, p.Workers())
	}
	assert.Eventually(t, func() bool { return poolGoroutines() == 0 }, time.Second, time.Millisecond)
}

// poolGoroutines counts the goroutines that are workers.
func poolGoroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "created by github.com/tiller-ml/tiller/backend/cpu/internal/pool.")
}

func TestCloseWaitsForDo(t *testing.T) {
	p := pool.New(2)
	begun := make(chan struct{})
	var done atomic.Int32
	var wg sync.WaitGroup
	wg.Go(func() {
		p.Do(4, func(task int) {
			if task == 0 {
				close(begun)
			}
			time.Sleep(time.Millisecond)
			done.Add(1)
		})
	})
	<-begun
	p.Close()
	assert.Equal(t, int32(4), done.Load())
	wg.Wait()
}

// With fewer processors than workers, the rest of the workers sleeps.
func TestFewProcessors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	p := pool.New(4)
	defer p.Close()
	for procs := 1; procs <= 3; procs++ {
		runtime.GOMAXPROCS(procs)
		for n := range 300 {
			require.Empty(t, cmp.Diff(once(n), count(p, n)), "%d processors", procs)
		}
	}
}

func TestTasksAreForgotten(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	var freed atomic.Int32
	func() {
		task, chunk := new([64]int), new([64]int)
		runtime.AddCleanup(task, func(int) { freed.Add(1) }, 0)
		runtime.AddCleanup(chunk, func(int) { freed.Add(1) }, 0)
		p.Do(2, func(i int) { task[i]++ })
		p.For(64, 8, func(lo, _ int) { chunk[lo]++ })
	}()
	assert.Eventually(t, func() bool {
		runtime.GC()
		return freed.Load() == 2
	}, 5*time.Second, 10*time.Millisecond)
}

func TestDoDoesNotAllocate(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	var sum [64]int
	task := func(i int) { sum[i]++ }
	chunk := func(lo, hi int) {
		for i := lo; i < hi; i++ {
			sum[i]++
		}
	}
	const runs = 5000
	jobs := func() {
		for range runs {
			p.Do(len(sum), task)
			p.For(len(sum), 8, chunk)
		}
	}
	jobs()
	// testing.AllocsPerRun would leave the pool one processor.
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	jobs()
	runtime.ReadMemStats(&after)
	assert.Less(t, after.Mallocs-before.Mallocs, uint64(runs/50))
}
