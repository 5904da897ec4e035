package optim_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// Example lowers |p|^2/2, whose gradient is p itself.
func Example() {
	b, err := backend.Open("cpu", backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	p := backend.FromSlice(b, []float64{3, -4}, 2)
	o, err := optim.New(b, optim.Defaults(optim.LAMB), []optim.Param{{Name: "p", Value: p}})
	if err != nil {
		log.Fatal(err)
	}
	defer o.Free()

	schedule := optim.WarmupCooldown(0.1, 2, 0)
	for step := 1; step <= 3; step++ {
		grads := []*tensor.Tensor{backend.Clone(b, p)}
		norm := optim.ClipNorm(b, grads, 1)
		o.Step(grads, schedule(step))
		backend.Release(b, grads...)
		fmt.Printf("step %d: gradient norm %.3f, trust ratio %.3f\n", step, norm, o.Trust[0].Ratio)
	}
	// Output:
	// step 1: gradient norm 5.000, trust ratio 1.118
	// step 2: gradient norm 4.753, trust ratio 0.791
	// step 3: gradient norm 4.283, trust ratio 0.612
}

func ExampleCosine() {
	schedule := optim.Cosine(0.002, 0.0002, 10, 1000)
	for _, step := range []int{1, 10, 510, 1010} {
		fmt.Printf("%.4f\n", schedule(step))
	}
	// Output:
	// 0.0002
	// 0.0020
	// 0.0011
	// 0.0002
}
