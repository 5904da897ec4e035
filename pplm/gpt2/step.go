package gpt2

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// Step reads tokens: see [pplm.LM].
func (m *Model) Step(t *autograd.Tape, in *autograd.Var, s pplm.State) (logits, hidden *autograd.Var, next pplm.State) {
	layers, next := m.Layers(t, in, s)
	hidden = layers[len(layers)-1]
	rows := hidden.Value.Dim(0)
	return m.Logits(autograd.Slice(hidden, 0, rows-1, rows)), hidden, next
}

// Layers reads tokens as Step does and returns what each layer reads and, last,
// what the decoder does: L+1 tensors (T, B, H).
func (m *Model) Layers(t *autograd.Tape, in *autograd.Var, past pplm.State) (layers []*autograd.Var, next pplm.State) {
	s := past.(*state)
	s.check("gpt2.Step")
	shape := in.Shape()
	soft := in.Value.DType != tensor.Int32
	switch {
	case !soft && len(shape) != 2, soft && (len(shape) != 3 || shape[2] != m.Config.Vocabulary):
		tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "want ids (T, B) or distributions (T, B, %d)", m.Config.Vocabulary)
	case shape[0] < 1 || shape[1] != s.batch:
		tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "want at least one row of a batch of %d", s.batch)
	case s.rows+shape[0] > m.Config.Positions:
		tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "%d positions are read already, the model has %d", s.rows, m.Config.Positions)
	}
	x := m.embed(t, in, s.rows, soft)
	own := make([]pair, len(m.Blocks))
	layers = make([]*autograd.Var, 0, len(m.Blocks)+1)
	for i, l := range m.Blocks {
		layers = append(layers, x)
		x, own[i] = l.forward(x, s.past(t, i))
	}
	return append(layers, m.Norm.Forward(x)), s.after(own)
}

// embed is the tokens' embeddings, or the expected ones, plus those of the
// positions from first on.
func (m *Model) embed(t *autograd.Tape, in *autograd.Var, first int, soft bool) *autograd.Var {
	var e *autograd.Var
	if soft {
		e = autograd.MatMul(in, m.Tokens.Weight.On(t))
	} else {
		e = m.Tokens.Forward(in)
	}
	n := in.Value.Dim(0)
	at := autograd.Slice(m.Positions.Weight.On(t), 0, first, first+n)
	return autograd.Add(e, autograd.Reshape(at, n, 1, m.Config.Width))
}

// Logits are the decoder's scores (T, B, V) of hidden states (T, B, H).
func (m *Model) Logits(h *autograd.Var) *autograd.Var {
	return autograd.MatMul(h, autograd.Transpose(m.Tokens.Weight.On(h.Tape())))
}
