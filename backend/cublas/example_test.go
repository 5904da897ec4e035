package cublas_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/tensor"
)

// The second GPU, with the factors of products rounded to bfloat16. It has no
// output to compare: what New says depends on the machine.
func Example() {
	b, err := cublas.New(backend.Config{Device: 1, Precision: backend.BF16})
	if err != nil {
		log.Fatal(err) // lists the libraries that were found, and what was tried
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, 2, 3, 4}, 2, 2)
	y := backend.New(b, tensor.Float32, 2, 2)
	defer backend.Release(b, x, y)
	b.MatMul(y, x, x.Transpose(), false) // queued
	data, err := backend.Data[float32](b, y)
	fmt.Println(data, err) // waits, and has the device's first fault
}
