package pplm_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/tensor"
)

// modelDir holds a GPT-2 in the layout of Hugging Face; this one is tiny and has
// random weights.
const modelDir = "../testdata/golden/pplm/model"

func open() (*gpt2.Model, *bpe.Tokenizer) {
	b, err := cpu.New(backend.Config{})
	if err != nil {
		panic(err)
	}
	model, err := gpt2.Open(b, tensor.Float32, modelDir)
	if err != nil {
		panic(err)
	}
	tokenizer, err := bpe.Load(modelDir)
	if err != nil {
		panic(err)
	}
	return model, tokenizer
}

// A text that is steered towards a bag of words, and the unsteered one at the same
// seed.
func Example() {
	model, tokenizer := open()
	defer model.Free()
	words, err := pplm.ReadWords("words", strings.NewReader("work\nlicense\nprogram\ncovered\n"))
	if err != nil {
		panic(err)
	}
	bag, err := pplm.NewBag("software", words, tokenizer.Encode)
	if err != nil {
		panic(err)
	}
	settings := pplm.Default()
	settings.StepSize, settings.Gamma = 1, 1 // far too much for a real model: random weights are hard to move
	for _, iterations := range []int{0, 3} {
		settings.Iterations = iterations
		samples, err := pplm.Generate(context.Background(), model, pplm.Request{
			Prompt: tokenizer.EncodeSpecial("<|endoftext|>The license"), Length: 24, Samples: 1,
			Attributes: []pplm.Attribute{bag}, Settings: settings,
		}, nil)
		if err != nil {
			panic(err)
		}
		count := 0
		for _, w := range bag.Words {
			count += strings.Count(tokenizer.Decode(samples[0].Tokens), w.Text)
		}
		fmt.Printf("%d iterations: %d words of the bag, log p(bag) %.1f\n", iterations, count, samples[0].Score)
	}
	// Output:
	// 0 iterations: 0 words of the bag, log p(bag) -5.3
	// 3 iterations: 24 words of the bag, log p(bag) -4.8
}

// Five samples in one batch are steered towards a class of a discriminator; the
// best of those that do not repeat themselves is taken, the paper's method BCR.
func Example_discriminator() {
	model, tokenizer := open()
	defer model.Free()
	classifier, err := head.New([]string{"negative", "positive"}, model.Config.Width, 1) // or head.Load
	if err != nil {
		panic(err)
	}
	preset, err := pplm.FindPreset("code-discrim")
	if err != nil {
		panic(err)
	}
	request := pplm.Request{
		Prompt: tokenizer.EncodeSpecial("<|endoftext|>The work"), Length: 20, Samples: 5, Seed: 1,
		Attributes: []pplm.Attribute{&pplm.Discriminator{Head: classifier, Class: 1, Horizon: 1}},
	}
	preset.Settings.StepSize = 0.5 // large, as random weights take much to move
	for _, method := range pplm.Methods() {
		request.Settings = preset.Settings
		if !method.Steered {
			request.Settings.Iterations = 0
		}
		samples, err := pplm.Generate(context.Background(), model, request, nil)
		if err != nil {
			panic(err)
		}
		best := method.Pick(samples, 0.7)
		fmt.Printf("%-3s sample %d: log p(positive) = %.1f\n", method.Name, best, samples[best].Score)
	}
	// Output:
	// B   sample 0: log p(positive) = -0.7
	// BR  sample 4: log p(positive) = -0.5
	// BC  sample 0: log p(positive) = -0.4
	// BCR sample 0: log p(positive) = -0.4
}

// initial is an attribute of one's own: the next token begins a word with a letter.
type initial struct{ member []float64 } // (V): 1 for such tokens, else 0

func newInitial(letter string, t *bpe.Tokenizer) initial {
	a := initial{make([]float64, t.Size())}
	for id := range a.member {
		if strings.HasPrefix(t.Decode([]int32{int32(id)}), " "+letter) {
			a.member[id] = 1
		}
	}
	return a
}

// Loss is -log of the probability of these tokens.
func (a initial) Loss(c *pplm.Context) *autograd.Var {
	p := autograd.MatMul(c.Probs, c.Constant(a.member, len(a.member), 1)) // (B, 1)
	return autograd.Scale(autograd.Log(autograd.Reshape(p, -1)), -1)
}

// An attribute of one's own, watched token by token.
func Example_attribute() {
	model, tokenizer := open()
	defer model.Free()
	settings := pplm.Default()
	settings.StepSize, settings.Gamma = 0.5, 1
	_, err := pplm.Generate(context.Background(), model, pplm.Request{
		Prompt: tokenizer.EncodeSpecial("<|endoftext|>You may"), Length: 4, Samples: 1,
		Attributes: []pplm.Attribute{newInitial("t", tokenizer)}, Settings: settings,
	}, func(t *pplm.Token) error {
		fmt.Printf("token %d: loss %.1f to %.1f\n", t.Index, t.Losses[0], t.Losses[2])
		return nil
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// token 0: loss 5.2 to 4.6
	// token 1: loss 5.8 to 4.6
	// token 2: loss 4.5 to 3.4
	// token 3: loss 4.4 to 3.4
}
