package gpt2

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// Step reads tokens: see [pplm.LM].
func (m *Model) Step(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (logits, hidden *autograd.Var, next []pplm.State) {
	layers, next := m.Layers(t, in, states...)
	hidden = layers[len(layers)-1]
	rows := hidden.Value.Dim(0)
	return m.Logits(autograd.Slice(hidden, 0, rows-1, rows)), hidden, next
}

// Layers reads tokens as Step does and returns what each layer reads and, last,
// what the decoder does: L+1 tensors (T, B, H).
func (m *Model) Layers(t *autograd.Tape, in *autograd.Var, states ...pplm.State) (layers []*autograd.Var, next []pplm.State) {
	past := make([]*state, len(states))
	for i, s := range states {
		past[i] = s.(*state)
	}
	m.check(in, past)
	x := m.embed(t, in, past)
	own := make([][]pair, len(past)) // by state and layer
	layers = make([]*autograd.Var, 0, len(m.Blocks)+1)
	for i, l := range m.Blocks {
		layers = append(layers, x)
		rows := make([]rows, len(past))
		for j, s := range past {
			rows[j] = s.past(t, i)
		}
		var pairs []pair
		x, pairs = l.forward(x, rows)
		for j, p := range pairs {
			own[j] = append(own[j], p)
		}
	}
	for j, s := range past {
		next = append(next, s.after(own[j]))
	}
	return append(layers, m.Norm.Forward(x)), next
}

// check panics where in does not fit the states.
func (m *Model) check(in *autograd.Var, past []*state) {
	shape, batch := in.Shape(), 0
	for _, s := range past {
		s.check("gpt2.Step")
		batch += s.batch
	}
	soft := in.Value.DType != tensor.Int32
	switch {
	case !soft && len(shape) != 2, soft && (len(shape) != 3 || shape[2] != m.Config.Vocabulary):
		tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "want ids (T, B) or distributions (T, B, %d)", m.Config.Vocabulary)
	case shape[0] < 1 || shape[1] != batch:
		tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "want at least one row of a batch of %d", batch)
	}
	for _, s := range past {
		if s.rows+shape[0] > m.Config.Positions {
			tensor.Panicf("gpt2.Step", []*tensor.Tensor{in.Value}, "%d positions are read already, the model has %d", s.rows, m.Config.Positions)
		}
	}
}

// embed is the tokens' embeddings, or the expected ones, plus those of the
// positions after each state's.
func (m *Model) embed(t *autograd.Tape, in *autograd.Var, past []*state) *autograd.Var {
	var e *autograd.Var
	if in.Value.DType != tensor.Int32 {
		e = autograd.MatMul(in, m.Tokens.Weight.On(t))
	} else {
		e = m.Tokens.Forward(in)
	}
	n, at := in.Value.Dim(0), m.Positions.Weight.On(t)
	if len(past) == 1 {
		first := past[0].rows
		return autograd.Add(e, autograd.Reshape(autograd.Slice(at, 0, first, first+n), n, 1, m.Config.Width))
	}
	var ids []int32 // (T, B)
	for row := range n {
		for _, s := range past {
			for range s.batch {
				ids = append(ids, int32(s.rows+row))
			}
		}
	}
	return autograd.Add(e, autograd.Gather(at, t.Own(backend.FromSlice(t.Backend, ids, n, len(ids)/n))))
}

// Logits are the decoder's scores (T, B, V) of hidden states (T, B, H).
func (m *Model) Logits(h *autograd.Var) *autograd.Var {
	return autograd.MatMul(h, autograd.Transpose(m.Tokens.Weight.On(h.Tape())))
}
