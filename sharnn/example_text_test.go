package sharnn_test

import (
	"context"
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// A model that was never trained thinks all symbols nearly equally likely.
func ExampleEvaluate() {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	text := []byte("she sells sea shells")
	vocab := corpus.NewByteVocab(text)
	model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: vocab.Len(), Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 100,
	}, 1)
	if err != nil {
		panic(err)
	}
	defer model.Free()

	ids, err := vocab.Encode(text)
	if err != nil {
		panic(err)
	}
	r, err := sharnn.Evaluate(context.Background(), model, ids, sharnn.Evaluation{Batch: 1, BPTT: 5})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d targets, %.1f bits each\n", r.Targets, sharnn.Bits(r.Nats))
	// Output: 19 targets, 2.6 bits each
}
