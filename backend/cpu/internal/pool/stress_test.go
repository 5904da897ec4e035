package pool_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

var errStress = errors.New("stress")

// TestStress calls one pool from several goroutines, with nested jobs, panics and pauses
// that let the workers fall asleep, and closes it in the end under the callers.
func TestStress(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	for _, workers := range []int{2, 3, 8} {
		p := pool.New(workers)
		var wg sync.WaitGroup
		for caller := range uint64(3) {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(caller, uint64(workers)))
				for round := range rounds {
					stressJob(t, p, rng)
					if caller == 0 && round == rounds*9/10 {
						p.Close()
					}
				}
			})
		}
		wg.Wait()
	}
}

// stressJob runs a job whose tasks are jobs, some of which panic.
func stressJob(t *testing.T, p *pool.Pool, rng *rand.Rand) {
	n, inner, work := rng.IntN(9), rng.IntN(5), rng.IntN(2000)
	panics := make([]bool, n)
	want := any(nil)
	for i := range panics {
		panics[i] = rng.IntN(10) == 0
		if panics[i] {
			want = errStress
		}
	}
	var plain, nested atomic.Int64 // tasks run
	got := panicOf(func() {
		p.Do(n, func(task int) {
			plain.Add(1)
			p.For(inner, 1, func(lo, hi int) { nested.Add(int64(hi - lo)) })
			x := 0
			for i := range work {
				x += i
			}
			if panics[task] && x >= 0 {
				panic(errStress)
			}
		})
	})
	assert.Equal(t, want, got)
	assert.Equal(t, int64(n), plain.Load())
	assert.Equal(t, int64(n*inner), nested.Load())
	if rng.IntN(20) == 0 {
		time.Sleep(time.Duration(rng.IntN(400)) * time.Microsecond)
	}
}
