package sharnn_test

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// trainer is a model with what a step of training needs, on random symbols.
type trainer struct {
	b         backend.Backend
	model     *sharnn.Model
	state     *sharnn.State
	optimizer *optim.Optimizer
	values    []*tensor.Tensor // of the parameters
	tape      *autograd.Tape
	wrt       []*autograd.Var
	ids       *tensor.Tensor // (T+1, B)
}

func newTrainer(tb testing.TB, b backend.Backend, c sharnn.Config, segment, batch int, kind optim.Kind) *trainer {
	model, err := sharnn.New(b, tensor.Float32, c, 1)
	if err != nil {
		tb.Fatal(err)
	}
	var params []optim.Param
	for name, p := range model.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	optimizer, err := optim.New(b, optim.Defaults(kind), params)
	if err != nil {
		tb.Fatal(err)
	}
	ids := make([]int32, (segment+1)*batch)
	for i := range ids {
		ids[i] = int32(tensor.Key{Seed: 9}.Uniform(uint64(i)) * float64(c.Symbols))
	}
	values := nn.Tensors(model)
	tr := &trainer{b, model, model.NewState(batch), optimizer, values, autograd.NewTape(b, values...), nil, backend.FromSlice(b, ids, segment+1, batch)}
	tb.Cleanup(func() {
		tr.state.Free()
		optimizer.Free()
		model.Free()
		backend.Release(b, tr.ids)
	})
	return tr
}

func (tr *trainer) step(drop sharnn.Dropouts) {
	segment := tr.ids.Dim(0) - 1
	tape := tr.tape
	defer tape.Reset()
	h, next := tr.model.Run(tr.model.Embed(tape.Leaf(tr.ids.Slice(0, 0, segment)), drop), tr.state.Carry(tape, segment), drop)
	loss := tr.model.Loss(h, tape.Leaf(tr.ids.Slice(0, 1, segment+1)))
	tr.state.Advance(next)
	tr.wrt = tr.wrt[:0]
	for _, x := range tr.values {
		tr.wrt = append(tr.wrt, tape.Leaf(x))
	}
	grads := tape.Grad(loss, tr.wrt...)
	optim.ClipNorm(tr.b, grads, 0.25)
	tr.optimizer.Step(grads, 0.002)
	backend.Release(tr.b, grads...)
}

// One whole training step. The sizes are those of bench/RESULTS.md.
func BenchmarkTrainStep(b *testing.B) {
	for _, c := range []struct {
		width, hidden, layers, memory, segment, batch int
	}{
		{256, 1024, 4, 256, 128, 16},
		{256, 1024, 4, 5000, 128, 16},
		{1024, 4096, 4, 256, 128, 8},
		{256, 1024, 2, 256, 64, 16},
	} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("emsize=%d/nhid=%d/nlayers=%d/mem=%d/T=%d/B=%d/threads=%d",
				c.width, c.hidden, c.layers, c.memory, c.segment, c.batch, threads), func(b *testing.B) {
				cpu, err := backend.Open("cpu", backend.Config{Threads: threads})
				if err != nil {
					b.Fatal(err)
				}
				defer cpu.Close()
				attention, _ := sharnn.AttentionLayers("one", c.layers)
				tr := newTrainer(b, cpu, sharnn.Config{
					Symbols: 205, Width: c.width, Hidden: c.hidden, Layers: c.layers,
					Attention: attention, Heads: 1, Memory: c.memory,
				}, c.segment, c.batch, optim.LAMB)
				for range 1 + c.memory/c.segment {
					tr.step(nil)
				}
				b.ReportAllocs()
				for b.Loop() {
					tr.step(nil)
				}
				tokens := float64(b.N) * float64(c.segment*c.batch)
				b.ReportMetric(tokens/b.Elapsed().Seconds(), "tokens/s")
			})
		}
	}
}
