package tensor_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/tensor"
)

func Example() {
	x := tensor.New(memory(24), tensor.Float32, 2, 3, 4) // (T, B, H)
	last := x.Slice(0, 1, 2).Reshape(3, 4)
	fmt.Println(last.Shape, last.Strides, last.Offset)
	fmt.Println(last.Transpose().Shape, last.Transpose().Contiguous())
	// Output:
	// [3 4] [4 1] 12
	// [4 3] false
}

func ExampleKey() {
	dropout := tensor.Key{Seed: 1, Step: 100, Site: 7}
	for i := range uint64(4) {
		fmt.Print(dropout.Uniform(i) < 0.9, " ")
	}
	// Output: true true true true
}

func ExampleCatch() {
	shapes := func() (err error) {
		defer tensor.Catch(&err)
		tensor.BroadcastShape("Add", []int{2, 3}, []int{2, 4})
		return nil
	}
	fmt.Println(shapes())
	// Output: Add [2 3], [2 4]: shapes do not broadcast
}
