package gpt2_test

import (
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// A model reads tokens into a state; the state that a Step leaves is kept to
// read on.
func Example() {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	c := gpt2.Config{Vocabulary: 100, Positions: 64, Width: 32, Layers: 2, Heads: 4, Eps: 1e-5}
	m, err := gpt2.New(b, tensor.Float32, c, 1) // or Open, with a model's folder
	if err != nil {
		log.Fatal(err)
	}
	defer m.Free()

	s := m.Start(1)
	defer func() { s.Free() }()
	for _, ids := range [][]int32{{5, 17, 42}, {7}} {
		t := autograd.NewTape(b)
		in := t.Own(backend.FromSlice(b, ids, len(ids), 1))
		logits, _, next := m.Step(t, in, s)
		s = next[0].Keep()
		fmt.Println(logits.Shape(), s.Len())
		t.Free()
	}
	// Output:
	// [1 1 100] 3
	// [1 1 100] 4
}
