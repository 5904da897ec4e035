package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	err = safetensors.Write(path, map[string]string{"format": "pt"}, []safetensors.Source{
		safetensors.FromSlice("encoder.weight", []float32{1, 2, 3, 4, 5, 6}, 3, 2),
		safetensors.FromSlice("tokens", []int32{10, 32}, 2),
	})
	if err != nil {
		log.Fatal(err)
	}

	f, err := safetensors.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, t := range f.Tensors {
		fmt.Println(t.Name, t.DType, t.Shape)
	}
	w, err := f.Lookup("encoder.weight")
	if err != nil {
		log.Fatal(err)
	}
	numbers, err := w.Float64s()
	fmt.Println(numbers, err)
	// Output:
	// encoder.weight F32 [3 2]
	// tokens I32 [2]
	// [1 2 3 4 5 6] <nil>
}
