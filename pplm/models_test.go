package pplm_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// Sizes of tiny models, so chosen that weights have lengths of their own.
var tinyConfig = gpt2.Config{Vocabulary: 61, Positions: 40, Width: 16, Layers: 2, Heads: 2, Eps: 1e-5}

func openCPU(t testing.TB, threads int) *cpu.Backend {
	b, err := cpu.New(backend.Config{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Zero(t, b.LiveBytes(), "bytes left behind")
		assert.NoError(t, b.Close())
	})
	return b
}

// tiny is a GPT-2 with random weights, large enough for a distribution with peaks.
func tiny(t testing.TB, b backend.Backend, d tensor.DType) *gpt2.Model {
	m, err := gpt2.New(b, d, tinyConfig, 3)
	require.NoError(t, err)
	for _, p := range m.Params() {
		if p.Value.Rank() == 2 {
			b.Unary(backend.Unary{Kind: backend.Affine, A: 15}, p.Value, p.Value)
		}
	}
	t.Cleanup(func() { assert.NoError(t, m.Free()) })
	return m
}

// rnn is a language model whose state has no positions: h' = tanh(E[id] + W h),
// logits = E h'.
type rnn struct {
	b             backend.Backend
	embed, weight *tensor.Tensor // (V, H), (H, H)
}

func newRNN(t testing.TB, b backend.Backend) *rnn {
	m := &rnn{b, backend.New(b, tensor.Float64, 61, 16), backend.New(b, tensor.Float64, 16, 16)}
	b.Random(m.embed, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 1})
	b.Random(m.weight, backend.Dist{Kind: backend.Normal, B: 0.4}, tensor.Key{Seed: 2})
	t.Cleanup(func() { backend.Release(b, m.embed, m.weight) })
	return m
}

func (m *rnn) Info() pplm.Info {
	return pplm.Info{Name: "rnn", Backend: m.b, DType: tensor.Float64, Width: 16, Vocabulary: 61, Parameters: 77 * 16}
}

func (m *rnn) Start(batch int) pplm.State {
	return &rnnState{b: m.b, h: backend.Zeros(m.b, tensor.Float64, batch, 16)}
}

func (m *rnn) Step(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (logits, hidden *autograd.Var, next []pplm.State) {
	var all []*autograd.Var
	for _, s := range states {
		h := s.(*rnnState).moved
		if h == nil {
			h = t.Leaf(s.(*rnnState).h)
		}
		all = append(all, h)
	}
	h, x, embed := autograd.Concat(0, all...), in, t.Leaf(m.embed)
	if in.Value.DType == tensor.Int32 {
		x = autograd.Gather(embed, in)
	} else {
		x = autograd.MatMul(in, embed)
	}
	var rows []*autograd.Var
	for i := range in.Shape()[0] {
		row := autograd.Reshape(autograd.Slice(x, 0, i, i+1), -1, 16)
		h = autograd.Tanh(autograd.Add(row, autograd.MatMul(h, t.Leaf(m.weight))))
		rows = append(rows, autograd.Reshape(h, 1, -1, 16))
	}
	at := 0
	for i, s := range states {
		to := at + all[i].Value.Dim(0)
		next = append(next, &rnnState{b: m.b, h: s.(*rnnState).h, moved: autograd.Slice(h, 0, at, to), read: s.Len() + len(rows)})
		at = to
	}
	logits = autograd.MatMul(rows[len(rows)-1], autograd.Transpose(embed))
	return logits, autograd.Concat(0, rows...), next
}

type rnnState struct {
	b     backend.Backend
	h     *tensor.Tensor // (B, H)
	moved *autograd.Var  // in place of h, on a tape
	read  int
}

func (s *rnnState) Len() int                           { return s.read }
func (s *rnnState) Rows() int                          { return 0 }
func (s *rnnState) Moving(int, int) [][]*tensor.Tensor { return [][]*tensor.Tensor{{s.h}} }
func (s *rnnState) Free()                              { backend.Release(s.b, s.h) }

func (s *rnnState) With(_, _ int, moved [][]*autograd.Var) pplm.State {
	return &rnnState{b: s.b, h: s.h, moved: moved[0][0], read: s.read}
}

func (s *rnnState) Keep() pplm.State {
	if s.moved != nil {
		s.b.Copy(s.h, s.moved.Value)
		s.moved = nil
	}
	return s
}

func (s *rnnState) Copy(batch int) pplm.State {
	c := &rnnState{b: s.b, h: backend.New(s.b, tensor.Float64, batch, 16), read: s.read}
	s.b.Copy(c.h, s.h.Broadcast(batch, 16))
	return c
}

// someBag is a bag of single tokens.
func someBag(t testing.TB, ids ...int32) *pplm.Bag {
	var words []string
	tokens := map[string][]int32{}
	for _, id := range ids {
		w := string(rune('A' + id))
		words, tokens[" "+w] = append(words, w), []int32{id}
	}
	b, err := pplm.NewBag("some", words, func(s string) []int32 { return tokens[s] })
	require.NoError(t, err)
	return b
}
