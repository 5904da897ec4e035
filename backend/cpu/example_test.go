package cpu_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

func Example() {
	b, err := cpu.New(backend.Config{Threads: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	columns := backend.New(b, tensor.Float32, 1, 3)
	b.Reduce(backend.Sum, columns, x)
	sums, err := backend.Data[float32](b, columns)
	fmt.Println(sums, err, b.LiveBytes(), "bytes live")
	backend.Release(b, x, columns)
	fmt.Println(b.LiveBytes(), "bytes live")
	// Output:
	// [5 7 9] <nil> 36 bytes live
	// 0 bytes live
}
