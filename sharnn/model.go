package sharnn

import (
	"fmt"
	"iter"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// Model is a SHA-RNN: embeddings, blocks, and a decoder whose matrix is the
// embeddings'.
type Model struct {
	Config  Config
	Backend backend.Backend
	DType   tensor.DType // of the matrices; vectors are of DType.Compute()
	Blocks  []*Block
	Encoder *nn.Embedding // (V, H), also the decoder's weight
	Decoder *nn.Param     // (V), the decoder's bias

	// Split is the adaptive softmax where Config.Splits asks for it, else nil.
	Split *nn.SplitCrossEntropy

	// Recompute makes Run throw each block's activations away, but for its results,
	// and the backward pass compute them again: the same numbers in less memory.
	Recompute bool
}

// New allocates a model and draws its initial values from seed as the
// reference does: matrices and embeddings N(0, 0.1/sqrt(H)), LSTMs uniform
// within 1/sqrt(H), biases 0, layer norms 1 and 0, attention vectors 0 but for
// r_gate 1. The caller frees it.
func New(b backend.Backend, dtype tensor.DType, c Config, seed uint64) (*Model, error) {
	if !trainable(dtype) {
		return nil, fmt.Errorf("a new model of %v: want float32 or float64", dtype)
	}
	m, err := empty(b, dtype, c)
	if err != nil {
		return nil, err
	}
	m.initialise(seed)
	return m, nil
}

func empty(b backend.Backend, dtype tensor.DType, c Config) (*Model, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("model configuration: %w", err)
	}
	if !trainable(dtype.Compute()) {
		return nil, fmt.Errorf("a model of %v: want float32 or float64, or bf16 or int8 for one that is only read", dtype)
	}
	m := &Model{Config: c, Backend: b, DType: dtype}
	for i := range c.Layers {
		m.Blocks = append(m.Blocks, NewBlock(b, dtype, c, c.attends(i)))
	}
	m.Encoder = nn.NewEmbedding(b, dtype, c.Symbols, c.Width)
	m.Decoder = nn.NewParam(b, dtype.Compute(), 0, c.Symbols)
	if len(c.Splits) > 0 {
		m.Split = nn.NewSplitCrossEntropy(b, dtype, c.Width, c.Splits...)
	}
	if c.Collapsed {
		m.Collapse()
	}
	return m, nil
}

// initSites keeps initial values and dropout masks in streams of their own.
const initSites = 1 << 24

func (m *Model) initialise(seed uint64) {
	normal := 0.1 / math.Sqrt(float64(m.Config.Width))
	uniform := 1 / math.Sqrt(float64(m.Config.Width))
	site := uint32(initSites)
	next := func() tensor.Key {
		site++
		return tensor.Key{Seed: seed, Site: site}
	}
	for _, l := range m.Blocks {
		if l.Attn != nil {
			l.Attn.Q.Weight.Normal(m.Backend, normal, next())
			if l.Attn.VQ != nil {
				l.Attn.VQ.L1.Weight.Normal(m.Backend, normal, next())
			}
		}
		l.FF.Linear1.Weight.Normal(m.Backend, normal, next())
		for _, p := range l.RNN.Params() {
			p.Uniform(m.Backend, uniform, next())
		}
	}
	m.Encoder.Weight.Normal(m.Backend, normal, next())
}

// Params are the trainable tensors under the reference's names. The tied
// decoder matrix appears once, as encoder.weight. Those of the adaptive softmax
// have the names of the reference's criterion.
func (m *Model) Params() iter.Seq2[string, *nn.Param] {
	var parts []nn.Named
	for i, l := range m.Blocks {
		parts = append(parts, nn.Named{Name: fmt.Sprintf("blocks.%d", i), Part: l})
	}
	parts = append(parts, nn.Named{Name: "encoder", Part: m.Encoder}, nn.Named{Name: "decoder.bias", Part: m.Decoder})
	if s := m.Split; s != nil {
		parts = append(parts, nn.Named{Name: "tail_vectors", Part: s.TailVectors}, nn.Named{Name: "tail_bias", Part: s.TailBias})
	}
	return nn.Join(parts...)
}

// Size is the number of trainable numbers, the tied matrix counted once.
func (m *Model) Size() int {
	n := 0
	for _, p := range m.Params() {
		n += p.Value.Len()
	}
	return n
}

// Free gives the parameters back.
func (m *Model) Free() { nn.Free(m.Backend, m) }

// Collapse replaces each attention's over-parameterised value vector by its
// value.
func (m *Model) Collapse() {
	for _, l := range m.Blocks {
		if l.Attn != nil {
			l.Attn.Collapse(m.Backend)
		}
	}
	m.Config.Collapsed = true
}

// Embed are the symbols' rows (T, B, H) for ids (T, B), dropped out.
func (m *Model) Embed(ids *autograd.Var, drop Dropouts) *autograd.Var {
	return autograd.Dropout(m.Encoder.Forward(ids), drop.at(-1, SiteEmbedding))
}

// Run passes embeddings e (T, B, H) through the blocks, each with its Carry,
// and returns the hidden state (T, B, H) that the decoder reads and what each
// block carries on. A nil carry starts afresh.
func (m *Model) Run(e *autograd.Var, carry []Carry, drop Dropouts) (*autograd.Var, []Carry) {
	if carry == nil {
		carry = make([]Carry, len(m.Blocks))
	}
	h, out := e, make([]Carry, len(m.Blocks))
	for i, l := range m.Blocks {
		if m.Recompute {
			h, out[i] = l.recomputed(h, carry[i], drop, i)
		} else {
			h, out[i] = l.Forward(h, carry[i], drop, i)
		}
	}
	return autograd.Dropout(h, drop.at(-1, SiteOutput)), out
}
