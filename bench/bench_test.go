package bench

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// eachThreads runs a benchmark with one thread and with two.
func eachThreads(b *testing.B, name string, f func(b *testing.B, cpu backend.Backend)) {
	for threads := 1; threads <= 2; threads++ {
		b.Run(fmt.Sprintf("%s/threads=%d", name, threads), func(b *testing.B) {
			cpu, err := backend.Open("cpu", backend.Config{Threads: threads})
			require.NoError(b, err)
			defer cpu.Close()
			f(b, cpu)
		})
	}
}

// loopSteps times step, whose first calls, which warm the pools up, do not
// count, nor does what a collection of their garbage takes from the pools. The peak is that of the process: ask for one benchmark at a time.
func loopSteps(b *testing.B, tokens int, step func()) {
	for range 2 {
		step()
		step()
		runtime.GC()
	}
	step()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
	b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	if bytes := peakBytes(); bytes > 0 {
		b.ReportMetric(float64(bytes), "peak-bytes")
	}
}

// drawn are ids (T, B) below symbols.
func drawn(b backend.Backend, symbols int, shape ...int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(tensor.Key{Seed: 9}.Uniform(uint64(i)) * float64(symbols))
	}
	return backend.FromSlice(b, ids, shape...)
}

// trained is a module with its optimizer.
type trained struct {
	cpu       backend.Backend
	optimizer *optim.Optimizer
	rate      float64
	clip      float64 // most of the gradients' norm; 0: no limit
	values    []*tensor.Tensor
	tape      *autograd.Tape
	wrt       []*autograd.Var
}

func newTrained(b testing.TB, cpu backend.Backend, m nn.Module, kind optim.Kind, rate, clip float64) *trained {
	var params []optim.Param
	for name, p := range m.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	o, err := optim.New(cpu, optim.Defaults(kind), params)
	require.NoError(b, err)
	b.Cleanup(o.Free)
	values := nn.Tensors(m)
	return &trained{cpu, o, rate, clip, values, autograd.NewTape(cpu, values...), nil}
}

// step moves the module by the gradients of the loss that forward records.
func (tr *trained) step(forward func(tape *autograd.Tape) *autograd.Var) {
	defer tr.tape.Reset()
	loss := forward(tr.tape)
	tr.wrt = tr.wrt[:0]
	for _, x := range tr.values {
		tr.wrt = append(tr.wrt, tr.tape.Leaf(x))
	}
	grads := tr.tape.Grad(loss, tr.wrt...)
	if tr.clip > 0 {
		optim.ClipNorm(tr.cpu, grads, tr.clip)
	}
	tr.optimizer.Step(grads, tr.rate)
	backend.Release(tr.cpu, grads...)
}
