// Package servetest has a tiny language model for tests of the server.
package servetest

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// Letters are the model's symbols, a byte each.
const Letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;-\n"

// Positions of the model.
const Positions = 256

// Model is a GPT-2 with random weights, whose passes are counted.
type Model struct {
	pplm.LM
	Backend *cpu.Backend
	Passes  atomic.Int64
	before  atomic.Pointer[func()]
}

// Before calls f before each pass, on the goroutine that makes it; nil calls nothing.
func (m *Model) Before(f func()) {
	if f == nil {
		m.before.Store(nil)
		return
	}
	m.before.Store(&f)
}

// Step counts.
func (m *Model) Step(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (logits, hidden *autograd.Var, next []pplm.State) {
	m.Passes.Add(1)
	if f := m.before.Load(); f != nil {
		(*f)()
	}
	return m.LM.Step(t, in, states...)
}

// New is a model that ends with the test, which fails where bytes are left behind.
func New(t testing.TB) (*Model, *models.Model) {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	config := gpt2.Config{Vocabulary: len(Letters), Positions: Positions, Width: 16, Layers: 2, Heads: 2, Eps: 1e-5}
	lm, err := gpt2.New(b, tensor.Float32, config, 3)
	require.NoError(t, err)
	for _, p := range lm.Params() {
		if p.Value.Rank() == 2 {
			b.Unary(backend.Unary{Kind: backend.Affine, A: 15}, p.Value, p.Value)
		}
	}
	t.Cleanup(func() {
		assert.NoError(t, lm.Free())
		assert.Zero(t, b.LiveBytes(), "bytes left behind")
		assert.NoError(t, b.Close())
	})
	m := &Model{LM: lm, Backend: b}
	return m, &models.Model{LM: m, Vocab: corpus.NewByteVocab([]byte(Letters)), Begin: -1, Free: lm.Free}
}
