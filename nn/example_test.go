package nn_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// A layer's parameters carry PyTorch's names; its Forward records on the tape
// of its input.
func ExampleLinear() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	layer := nn.NewLinear(b, tensor.Float32, 3, 2)
	defer nn.Free(b, layer)
	layer.Weight.Normal(b, 0.1, tensor.Key{Seed: 1})
	for name, p := range layer.Params() {
		fmt.Println(name, p.Value.Shape)
	}

	tape := autograd.NewTape(b, nn.Tensors(layer)...)
	defer tape.Free()
	x := tape.Own(backend.FromSlice(b, []float32{1, 2, 3}, 1, 3))
	fmt.Println(layer.Forward(x).Shape())
	// Output:
	// weight [2 3]
	// bias [2]
	// [1 2]
}
