package bench

import (
	"fmt"
	"iter"
	"testing"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// lstmLM is the plain language model: embeddings, one LSTM layer, a decoder.
type lstmLM struct {
	encoder *nn.Embedding
	rnn     *nn.LSTM
	decoder *nn.Linear
}

func newLSTMLM(cpu backend.Backend, symbols, width int) *lstmLM {
	m := &lstmLM{
		nn.NewEmbedding(cpu, tensor.Float32, symbols, width),
		nn.NewLSTM(cpu, tensor.Float32, width, width),
		nn.NewLinear(cpu, tensor.Float32, width, symbols),
	}
	var site uint32
	for _, p := range m.Params() {
		site++
		p.Uniform(cpu, 0.05, tensor.Key{Seed: 1, Site: site})
	}
	return m
}

// Params carry the parts' names.
func (m *lstmLM) Params() iter.Seq2[string, *nn.Param] {
	return nn.Join(nn.Named{Name: "encoder", Part: m.encoder}, nn.Named{Name: "rnn", Part: m.rnn}, nn.Named{Name: "decoder", Part: m.decoder})
}

// BenchmarkLSTMLM is a step of training with Adam, each segment from no past.
func BenchmarkLSTMLM(b *testing.B) {
	const (
		symbols = 96
		width   = 256
		batch   = 16
	)
	eachThreads(b, fmt.Sprintf("H=%d/B=%d", width, batch), func(b *testing.B, cpu backend.Backend) {
		m := newLSTMLM(cpu, symbols, width)
		defer nn.Free(cpu, m)
		ids := drawn(cpu, symbols, segment+1, batch)
		defer backend.Release(cpu, ids)
		tr := newTrained(b, cpu, m, optim.Adam, 0.001, 0)
		loopSteps(b, segment*batch, func() {
			tr.step(func(tape *autograd.Tape) *autograd.Var {
				x, y := tape.Leaf(ids.Slice(0, 0, segment)), tape.Leaf(ids.Slice(0, 1, segment+1))
				h, _, _ := m.rnn.Forward(m.encoder.Forward(x), nil, nil)
				return nn.CrossEntropy(m.decoder.Forward(h), y)
			})
		})
	})
}
