package gradcheck_test

import (
	"fmt"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
)

// Check the gradient of a function of one's own.
func ExampleFunc() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float64{0.5, -1, 2}, 3)
	err = gradcheck.Func(b, func(t *autograd.Tape) *autograd.Var {
		return autograd.Mean(autograd.Tanh(t.Leaf(x)))
	}, x)
	fmt.Println(err)
	// Output: <nil>
}
