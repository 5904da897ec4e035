package autograd_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
)

// The gradient of |x|^2 is 2x.
func ExampleTape_Grad() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, -2, 3}, 3)

	tape := autograd.NewTape(b, x)
	v := tape.Leaf(x)
	loss := autograd.Sum(autograd.Mul(v, v))
	grads := tape.Grad(loss, v)
	defer tape.Free()

	g, err := backend.Data[float32](b, grads[0])
	if err != nil {
		panic(err)
	}
	fmt.Println(g)
	// Output: [2 -4 6]
}
