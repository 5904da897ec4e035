package gpt2

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// benchPrompt is how many tokens are read before the clock starts.
const benchPrompt = 16

// eachType runs f on GPT-2 124M with random weights of each type, and on one
// whose weights are mapped from its file.
func eachType(b *testing.B, f func(b *testing.B, m *Model)) {
	run := func(name string, open func(b *testing.B, c backend.Backend) (*Model, error)) {
		b.Run(name, func(b *testing.B) {
			c, err := cpu.New(backend.Config{})
			require.NoError(b, err)
			m, err := open(b, c)
			require.NoError(b, err)
			f(b, m)
			require.NoError(b, m.Free())
			require.NoError(b, c.Close())
		})
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
		run(d.String(), func(_ *testing.B, c backend.Backend) (*Model, error) { return New(c, d, Small(), 1) })
	}
	run("mapped", func(b *testing.B, c backend.Backend) (*Model, error) {
		m, err := New(c, tensor.Float32, Small(), 1)
		require.NoError(b, err)
		dir := b.TempDir()
		require.NoError(b, m.Save(dir))
		require.NoError(b, m.Free())
		return Open(c, tensor.Float32, dir)
	})
}

// bytesRead is what one token reads: all weights but for the positions'.
func (m *Model) bytesRead() int {
	n := 0
	for _, s := range m.slots() {
		if s.name != "wpe.weight" {
			n += s.dtype.Bytes(s.dtype.Room(s.shape))
		}
	}
	return n
}

// feed steps ids (T, B) and keeps the state.
func feed(m *Model, t *autograd.Tape, s pplm.State, ids *tensor.Tensor) pplm.State {
	_, _, next := m.Step(t, t.Leaf(ids), s)
	kept := next[0].Keep()
	t.Reset()
	return kept
}

// plainRead is the rate, in bytes a second, at which two goroutines read memory
// that is in no cache: the least time of several rounds.
func plainRead() float64 {
	const threads, rounds = 2, 5
	data := make([]uint64, 32<<20)
	for i := range data {
		data[i] = uint64(i)
	}
	best := time.Hour
	for range rounds {
		var wg sync.WaitGroup
		var sums [threads]uint64
		start := time.Now()
		for k := range threads {
			wg.Go(func() { sums[k] = fold(data[k*len(data)/threads : (k+1)*len(data)/threads]) })
		}
		wg.Wait()
		best = min(best, time.Since(start))
		runtime.KeepAlive(sums)
	}
	return float64(8*len(data)) / best.Seconds()
}

// fold reads each cache line.
func fold(x []uint64) (sum uint64) {
	for ; len(x) >= 8; x = x[8:] {
		sum += x[0] ^ x[7]
	}
	return sum
}

func BenchmarkDecode(b *testing.B) {
	eachType(b, func(b *testing.B, m *Model) {
		for _, batch := range []int{1, 10} {
			b.Run(fmt.Sprintf("B=%d", batch), func(b *testing.B) { benchDecode(b, m, batch) })
		}
	})
}

// prompted is a state after benchPrompt tokens.
func prompted(m *Model, batch int) (pplm.State, *tensor.Tensor) {
	ids := make([]int32, benchPrompt*batch)
	for i := range ids {
		ids[i] = int32(i * 7919 % m.Config.Vocabulary)
	}
	all := backend.FromSlice(m.Backend, ids, benchPrompt, batch)
	t := autograd.NewTape(m.Backend)
	defer t.Free()
	return feed(m, t, m.Start(batch), all), all
}

func benchDecode(b *testing.B, m *Model, batch int) {
	s, all := prompted(m, batch)
	t := autograd.NewTape(m.Backend)
	one := backend.Clone(m.Backend, all.Slice(0, 0, 1))
	defer backend.Release(m.Backend, one, all)
	defer t.Free()
	defer func() { s.Free() }()
	var times []time.Duration
	for b.Loop() {
		if s.Len() == 128 {
			s.Free()
			s = m.Start(batch)
		}
		start := time.Now()
		s = feed(m, t, s, one)
		times = append(times, time.Since(start))
	}
	report(b, m, times, 1)
}

// report gives the median time, the rate of the weights where they are read
// passes times in it, and that rate as a share of a plain read's.
func report(b *testing.B, m *Model, times []time.Duration, passes int) {
	slices.Sort(times)
	median := times[len(times)/2].Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median*1e3, "ms/token")
	b.ReportMetric(1/median, "tokens/s")
	rate := float64(passes*m.bytesRead()) / median
	b.ReportMetric(rate/1e9, "GB/s")
	b.ReportMetric(rate/plainRead(), "of-read")
}

// BenchmarkSteer is the work of a steered token in three iterations, without
// the attribute: forward and backward to the newest five rows of the past three
// times, and forward twice.
func BenchmarkSteer(b *testing.B) {
	eachType(b, func(b *testing.B, m *Model) {
		for _, batch := range []int{1, 10} {
			b.Run(fmt.Sprintf("B=%d", batch), func(b *testing.B) { benchSteer(b, m, batch) })
		}
	})
}

func benchSteer(b *testing.B, m *Model, batch int) {
	s, all := prompted(m, batch)
	t := autograd.NewTape(m.Backend)
	one := backend.Clone(m.Backend, all.Slice(0, 0, 1))
	defer backend.Release(m.Backend, one, all)
	defer t.Free()
	defer func() { s.Free() }()
	var times []time.Duration
	for b.Loop() {
		if s.Len() == 128 {
			s.Free()
			s = feed(m, t, m.Start(batch), all)
		}
		start := time.Now()
		for range 3 {
			steer(m, s, one)
		}
		s = feed(m, t, s, one)
		m.Step(t, t.Leaf(one), s)
		t.Reset()
		times = append(times, time.Since(start))
	}
	report(b, m, times, 8)
}

// steer is one iteration: the gradient by the moving rows of a loss of the next
// token's logits.
func steer(m *Model, s pplm.State, in *tensor.Tensor) {
	const window = 5
	t := autograd.NewTape(m.Backend)
	defer t.Free()
	from, to := s.Len()-window, s.Len()
	var moved [][]*autograd.Var
	var wrt []*autograd.Var
	for _, group := range s.Moving(from, to) {
		vars := []*autograd.Var{t.Input(group[0]), t.Input(group[1])}
		moved, wrt = append(moved, vars), append(wrt, vars...)
	}
	logits, _, _ := m.Step(t, t.Leaf(in), s.With(from, to, moved))
	loss := autograd.Mean(autograd.LogSoftmax(logits))
	backend.Release(m.Backend, t.Grad(loss, wrt...)...)
}

// BenchmarkOpen reads the folder of GPT-2 124M, in float32, as each type.
func BenchmarkOpen(b *testing.B) {
	c, err := cpu.New(backend.Config{})
	require.NoError(b, err)
	defer c.Close()
	m, err := New(c, tensor.Float32, Small(), 1)
	require.NoError(b, err)
	dir := b.TempDir()
	require.NoError(b, m.Save(dir))
	require.NoError(b, m.Free())
	for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
		b.Run(d.String(), func(b *testing.B) {
			for b.Loop() {
				m, err := Open(c, d, dir)
				require.NoError(b, err)
				require.NoError(b, m.Free())
			}
		})
	}
}
