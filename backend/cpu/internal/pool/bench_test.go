package pool_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// hogEnv makes the test binary a process that only keeps a processor busy.
const hogEnv = "TILLER_POOL_TEST_HOG"

func TestMain(m *testing.M) {
	if os.Getenv(hogEnv) != "" {
		hog()
	}
	os.Exit(m.Run())
}

// hog works until its parent, which holds the other end of standard input, goes away.
func hog() {
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	for sum := 0.0; ; {
		sum += half()
	}
}

// startHogs starts n busy processes, which end with the benchmark.
func startHogs(b *testing.B, n int) {
	b.Helper()
	for range n {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), hogEnv+"=1", "GOMAXPROCS=2")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = stdin.Close()
			_ = cmd.Wait()
		})
	}
}

// half is about 5 us of arithmetic.
//
//go:noinline
func half() float64 {
	x := 1.0
	for range 3000 {
		x = x*0.999 + 0.5
	}
	return x
}

var sink [8][8]float64 // a cache line for each task

// A load is a job of the benchmarks: tasks of so many halves each.
type load struct{ tasks, halves int }

func (l load) task(task int) {
	for range l.halves {
		sink[task][0] += half()
	}
}

// part runs the tasks from lo to hi-1.
func (l load) part(lo, hi int) {
	for task := lo; task < hi; task++ {
		l.task(task)
	}
}

// A way runs a job on two threads, or on one.
type way struct {
	name string
	run  func()
}

// waysOf returns the ways to run a load, and what ends them.
func waysOf(l load) ([]way, func()) {
	p := pool.New(2)
	start, done := make(chan load), make(chan struct{})
	go func() {
		for l := range start {
			l.part(l.tasks/2, l.tasks)
			done <- struct{}{}
		}
	}()
	ways := []way{
		{"serial", func() { l.part(0, l.tasks) }},
		{"pool", func() { p.Do(l.tasks, l.task) }},
		{"goroutine", func() {
			var wg sync.WaitGroup
			wg.Go(func() { l.part(l.tasks/2, l.tasks) })
			l.part(0, l.tasks/2)
			wg.Wait()
		}},
		{"channel", func() {
			start <- l
			l.part(0, l.tasks/2)
			<-done
		}},
	}
	return ways, func() {
		p.Close()
		close(start)
	}
}

// BenchmarkForkJoin takes two halves of 5 us, or eight tasks of 50, in turn by each way of
// joining them, with gaps of serial work between, beside busy processes. It reports the time
// of each way and its ratio to serial: the gaps are not counted in either.
func BenchmarkForkJoin(b *testing.B) {
	gaps := []time.Duration{0, 5 * time.Microsecond, 500 * time.Microsecond}
	for _, l := range []load{{2, 1}, {8, 10}} {
		for _, hogs := range []int{0, 1, 2} {
			for _, gap := range gaps {
				name := fmt.Sprintf("%dx%dus/hogs=%d/gap=%v", l.tasks, 5*l.halves, hogs, gap)
				b.Run(name, func(b *testing.B) {
					startHogs(b, hogs)
					forkJoin(b, l, gap)
				})
			}
		}
	}
}

// forkJoin measures in rounds, each way for some milliseconds a round, as a shared machine's
// speed drifts.
func forkJoin(b *testing.B, l load, gap time.Duration) {
	const rounds, window = 9, 60 * time.Millisecond
	ways, stop := waysOf(l)
	defer stop()
	times, ratios := make([][]float64, len(ways)), make([][]float64, len(ways))
	for b.Loop() {
		for range rounds {
			var serial float64
			for i, way := range ways {
				ns := perCall(way.run, gap, window)
				if i == 0 {
					serial = ns
				}
				times[i] = append(times[i], ns)
				ratios[i] = append(ratios[i], ns/serial)
			}
		}
	}
	for i, way := range ways {
		b.ReportMetric(median(times[i])/1e3, way.name+"-us")
		if i > 0 {
			b.ReportMetric(median(ratios[i]), way.name+"/serial")
		}
	}
	b.ReportMetric(0, "ns/op")
}

// perCall returns the mean nanoseconds of a call, taken back to back with gaps for the
// length of the window.
func perCall(run func(), gap, window time.Duration) float64 {
	var inside time.Duration
	calls := 0
	for start := time.Now(); time.Since(start) < window; calls++ {
		begin := time.Now()
		run()
		end := time.Now()
		inside += end.Sub(begin)
		for time.Since(end) < gap {
		}
	}
	return float64(inside) / float64(calls)
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
