package docs_test

import (
	"fmt"
	"iter"
	"log"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// What README.md shows.
func Example_gradient() {
	b, err := backend.Open("cpu", backend.Config{}) // import _ ".../backend/cpu"
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	x := backend.FromSlice(b, []float32{1, -2, 3}, 3)
	tape := autograd.NewTape(b, x) // gradients flow to x
	defer tape.Free()
	v := tape.Leaf(x)
	loss := autograd.Sum(autograd.Mul(v, v))
	grads := tape.Grad(loss, v) // 2x

	g, err := backend.Data[float32](b, grads[0])
	fmt.Println(g, err)
	// Output: [2 -4 6] <nil>
}

// network foretells a symbol from the one before it.
type network struct {
	Encoder *nn.Embedding // (V, H)
	Hidden  *nn.Linear    // (H, H)
	Decoder *nn.Linear    // (V, H)
}

func newNetwork(b backend.Backend, symbols, width int, seed uint64) *network {
	n := &network{
		Encoder: nn.NewEmbedding(b, tensor.Float32, symbols, width),
		Hidden:  nn.NewLinear(b, tensor.Float32, width, width),
		Decoder: nn.NewLinear(b, tensor.Float32, width, symbols),
	}
	n.Encoder.Weight.Normal(b, 1, tensor.Key{Seed: seed, Site: 0})
	n.Hidden.Weight.Normal(b, 0.2, tensor.Key{Seed: seed, Site: 1})
	n.Decoder.Weight.Normal(b, 0.2, tensor.Key{Seed: seed, Site: 2})
	return n
}

// Params makes it a nn.Module: parameters by name.
func (n *network) Params() iter.Seq2[string, *nn.Param] {
	return nn.Join(nn.Named{Name: "encoder", Part: n.Encoder}, nn.Named{Name: "hidden", Part: n.Hidden},
		nn.Named{Name: "decoder", Part: n.Decoder})
}

// Forward are the logits (N, V) of what follows ids (N).
func (n *network) Forward(ids *autograd.Var) *autograd.Var {
	h := autograd.GELU(n.Hidden.Forward(n.Encoder.Forward(ids))) // (N, H)
	return n.Decoder.Forward(h)
}

// learn takes steps on pairs of symbols and gives the last loss, in nats.
func learn(b backend.Backend, n *network, ids []int32, steps int) (float32, error) {
	var params []optim.Param
	var vars []*autograd.Var
	for name, p := range n.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	o, err := optim.New(b, optim.Defaults(optim.AdamW), params)
	if err != nil {
		return 0, err
	}
	defer o.Free()
	tape := autograd.NewTape(b, nn.Tensors(n)...) // tracks the parameters
	defer tape.Free()

	var nats []float32
	for range steps {
		in := tape.Own(backend.FromSlice(b, ids[:len(ids)-1], len(ids)-1))
		targets := tape.Own(backend.FromSlice(b, ids[1:], len(ids)-1))
		loss := nn.CrossEntropy(n.Forward(in), targets)
		if nats, err = backend.Data[float32](b, loss.Value); err != nil {
			return 0, err
		}
		vars = vars[:0]
		for _, p := range n.Params() {
			vars = append(vars, p.On(tape))
		}
		grads := tape.Grad(loss, vars...) // ours to free
		optim.ClipNorm(b, grads, 1)
		o.Step(grads, 0.01)
		backend.Release(b, grads...)
		tape.Reset() // frees what it holds
	}
	return nats[0], nil
}

// What docs/library.md shows: a model of one's own, trained.
func Example_model() {
	b, err := backend.Open("cpu", backend.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	text := []byte("she sells sea shells by the sea shore")
	vocab := corpus.NewByteVocab(text)
	ids, err := vocab.Encode(text)
	if err != nil {
		log.Fatal(err)
	}
	n := newNetwork(b, vocab.Len(), 16, 1)
	defer nn.Free(b, n)
	for _, steps := range []int{1, 200} {
		nats, err := learn(b, n, ids, steps)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("at step %d: %.1f nats\n", steps, nats)
	}
	// Output:
	// at step 1: 2.4 nats
	// at step 200: 0.7 nats
}
