package shalm_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/shalm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// A SHA-RNN over bytes is steered towards one of them.
func Example() {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 8, Width: 16, Hidden: 32, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 100,
	}, 1) // or sharnn.LoadText, with a folder that sharnn/train wrote
	if err != nil {
		log.Fatal(err)
	}
	defer model.Free()
	lm, err := shalm.New(model, "example")
	if err != nil {
		log.Fatal(err)
	}

	encode := func(word string) []int32 { return []int32{int32(word[len(word)-1] - 'a')} }
	bag, err := pplm.NewBag("c", []string{"c"}, encode)
	if err != nil {
		log.Fatal(err)
	}
	settings := pplm.Default()
	settings.StepSize, settings.TopK = 0.5, 0
	samples, err := pplm.Generate(context.Background(), lm, pplm.Request{
		Prompt: []int32{0, 1}, Length: 3, Samples: 1,
		Attributes: []pplm.Attribute{bag}, Settings: settings,
	}, func(t *pplm.Token) error {
		last := len(t.Losses) - 1
		fmt.Printf("token %d: likelier: %v\n", t.Index, t.Losses[last] < t.Losses[0])
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(samples[0].Tokens), "tokens")
	// Output:
	// token 0: likelier: true
	// token 1: likelier: true
	// token 2: likelier: true
	// 3 tokens
}
