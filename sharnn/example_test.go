package sharnn_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// One training segment: embeddings, blocks, loss, gradients, and the state that
// the next segment starts from.
func Example() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 5, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 100,
	}, 1)
	if err != nil {
		panic(err)
	}
	defer model.Free()
	state := model.NewState(1)
	defer state.Free()

	tape := autograd.NewTape(b, nn.Tensors(model)...)
	defer tape.Free()
	ids := func(ids ...int32) *autograd.Var { return tape.Own(backend.FromSlice(b, ids, len(ids), 1)) } // (T, B)
	h, next := model.Run(model.Embed(ids(0, 1, 2, 3), nil), state.Carry(tape, 4), nil)
	loss := model.Loss(h, ids(1, 2, 3, 4))
	state.Advance(next)
	grads := tape.Grad(loss, model.Encoder.Weight.On(tape))
	defer backend.Release(b, grads...)

	nats, err := backend.Data[float32](b, loss.Value)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d parameters, loss %.2f nats, gradient %v, %d rows remembered\n",
		model.Size(), nats[0], grads[0].Shape, state.MemoryRows(0))
	// Output: 1965 parameters, loss 1.68 nats, gradient [5 8], 4 rows remembered
}
