package backend_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

func Example() {
	b, err := backend.Open("cpu", backend.Config{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, 2, 3, 4, 5, 6}, 2, 3) // (N, K)
	w := backend.FromSlice(b, []float32{1, 0, 1, 0, 1, 0}, 2, 3) // (M, K)
	y := backend.New(b, tensor.Float32, 2, 2)                    // (N, M)
	defer backend.Release(b, x, w, y)

	b.MatMul(y, x, w.Transpose(), false)
	data, err := backend.Data[float32](b, y)
	fmt.Println(data, err)
	// Output: [4 2 10 5] <nil>
}
