package sharnn_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// A program can read a file of torch.save itself. The command convert infers the
// configuration as well.
func ExampleFromStateDict() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	f, err := torchfile.Open("convert/testdata/state.pt")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var tensors []*safetensors.Tensor
	for _, name := range f.Names {
		x, err := f.Lookup(name)
		if err != nil {
			log.Fatal(err)
		}
		tensors = append(tensors, x)
	}
	c := sharnn.Config{Symbols: 7, Width: 4, Hidden: 9, Layers: 3, Attention: []int{1}, Heads: 1, Memory: 5000}
	model, err := sharnn.FromStateDict(b, tensor.Float32, c, tensors)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Free()
	fmt.Println(len(tensors), "tensors,", model.Size(), "numbers, the tied ones counted once")

	c.Layers = 2
	_, err = sharnn.FromStateDict(b, tensor.Float32, c, tensors[len(tensors)-3:])
	fmt.Printf("%.120s...\n", err)
	// Output:
	// 68 tensors, 890 numbers, the tied ones counted once
	// the state dict is not that of a model of emsize 4, nhid 9, 2 blocks, 1 of which attend, and 7 symbols: it lacks blocks.0...
}
