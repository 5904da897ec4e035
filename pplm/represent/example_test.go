package represent_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
)

// Three texts of unlike length become three rows.
func Example() {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	c := gpt2.Config{Vocabulary: 100, Positions: 64, Width: 32, Layers: 2, Heads: 4, Eps: 1e-5}
	lm, err := gpt2.New(b, tensor.Float32, c, 1) // or Open, with a model's folder
	if err != nil {
		log.Fatal(err)
	}
	defer lm.Free()

	texts := [][]int32{{5, 17, 42, 8}, {7}, {23, 4}}
	x, err := represent.Means(context.Background(), lm, texts, false, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Release(b, x)
	fmt.Println(x.Shape)

	_, err = represent.Means(context.Background(), lm, [][]int32{{}}, false, nil)
	fmt.Println(err)
	// Output:
	// [3 32]
	// text 1 has no tokens
}
