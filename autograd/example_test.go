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

// A block that is computed twice, with its weights as any block has them.
func ExampleRecompute() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	x, w := backend.FromSlice(b, []float32{1, 2}, 1, 2), backend.FromSlice(b, []float32{3, 4}, 2, 1)

	tape := autograd.NewTape(b, w)
	defer tape.Free()
	block := func(in []*autograd.Var) []*autograd.Var {
		y := autograd.MatMul(in[0], in[0].Tape().Leaf(w))
		return []*autograd.Var{autograd.Mul(y, y)}
	}
	y := autograd.Recompute(block, tape.Leaf(x))
	grads := tape.Grad(autograd.Sum(y[0]), tape.Leaf(w))

	g, err := backend.Data[float32](b, grads[0])
	if err != nil {
		panic(err)
	}
	fmt.Println(g)
	// Output: [22 44]
}
