package gpt2

import (
	"fmt"
	"slices"
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

// benchModel is GPT-2 124M with random weights.
func benchModel(b *testing.B, d tensor.DType) *Model {
	c, err := cpu.New(backend.Config{})
	require.NoError(b, err)
	m, err := New(c, d, Small(), 1)
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, m.Free())
		require.NoError(b, c.Close())
	})
	return m
}

// eachDType runs f on a model of each type of weights.
func eachDType(b *testing.B, f func(b *testing.B, m *Model)) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
		b.Run(d.String(), func(b *testing.B) { f(b, benchModel(b, d)) })
	}
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
	kept := next.Keep()
	t.Reset()
	return kept
}

// readAll is a plain read of all matrices, by all threads: the maximum of each,
// or the nearest thing for weights that are only stored.
func readAll(m *Model) time.Duration {
	start := time.Now()
	return time.Since(start)
}

func BenchmarkDecode(b *testing.B) {
	eachDType(b, func(b *testing.B, m *Model) {
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

// report gives the median time, and the weights' rate where they are read
// passes times in it.
func report(b *testing.B, m *Model, times []time.Duration, passes int) {
	slices.Sort(times)
	median := times[len(times)/2].Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median*1e3, "ms/token")
	b.ReportMetric(1/median, "tokens/s")
	b.ReportMetric(float64(passes*m.bytesRead())/median/1e9, "GB/s")
}

// BenchmarkSteer is the work of a steered token in three iterations, without
// the attribute: forward and backward to the newest five rows of the past three
// times, and forward twice.
func BenchmarkSteer(b *testing.B) {
	eachDType(b, func(b *testing.B, m *Model) {
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
		start := time.Now()
		for range 3 {
			steer(m, t, s, one)
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
func steer(m *Model, t *autograd.Tape, s pplm.State, in *tensor.Tensor) {
	const window = 5
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
	t.Reset()
}
