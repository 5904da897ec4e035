package torchfile_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// A state dict as torch.save writes it, with a second name for one of its tensors.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "state.pt")

	err = torchfile.Write(path, []safetensors.Source{
		safetensors.FromSlice("encoder.weight", []float32{1, 2, 3, 4, 5, 6}, 3, 2),
		safetensors.FromSlice("decoder.bias", []float32{0.5, 0, -0.5}, 3),
	}, torchfile.Tie{Name: "decoder.weight", Of: "encoder.weight"})
	if err != nil {
		log.Fatal(err)
	}

	f, err := torchfile.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"encoder.weight", "decoder.weight", "decoder.bias"} {
		t, err := f.Lookup(name)
		if err != nil {
			log.Fatal(err)
		}
		numbers, err := t.Float64s()
		fmt.Println(t.Name, t.DType, t.Shape, numbers, err)
	}
	// Output:
	// encoder.weight F32 [3 2] [1 2 3 4 5 6] <nil>
	// decoder.weight F32 [3 2] [1 2 3 4 5 6] <nil>
	// decoder.bias F32 [3] [0.5 0 -0.5] <nil>
}
