package head_test

import (
	"context"
	"fmt"
	"log"
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm/head"
)

// A head learns two classes of representations, which package represent makes of
// texts.
func Example() {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, 0.1, 0.9, -0.2, -1, 0.3, -0.8, 0}, 4, 2) // (N, H)
	defer backend.Release(b, x)

	h, err := head.New([]string{"calm", "storm"}, 2, 1)
	if err != nil {
		log.Fatal(err)
	}
	result, err := head.Fit(context.Background(), b, h,
		head.Data{X: x, Y: []int32{0, 0, 1, 1}, Train: []int32{0, 1, 2, 3}, Test: []int32{0, 2}},
		head.Fitting{Rate: 0.1, Epochs: 50, Batch: 2, Seed: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Correct(), "of", result.Texts, "right")

	p := h.LogProbs([]float64{-2, 0})
	class, err := h.Class("storm")
	fmt.Printf("p(%s) > 0.9: %v %v\n", h.Classes[class], math.Exp(p[class]) > 0.9, err)
	// Output:
	// 2 of 2 right
	// p(storm) > 0.9: true <nil>
}
