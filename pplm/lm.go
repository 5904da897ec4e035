package pplm

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Info describes a language model.
type Info struct {
	Name       string
	Hash       string // of the weights, in hexadecimal: what a trained head belongs to
	Backend    backend.Backend
	DType      tensor.DType // of the hidden state: what the weights compute in
	Width      int          // H, of the hidden state
	Vocabulary int          // V
	Positions  int          // the longest context; 0: no limit
	Parameters int          // trainable numbers, a tied matrix counted once
}

// LM is a language model as steering sees it: something that reads tokens,
// remembers them in a State, and scores what comes next. Its weights are
// constants: no Step puts one on the tape as something to differentiate.
type LM interface {
	Info() Info

	// Start is the state of batch samples that have read nothing. The caller
	// frees it.
	Start(batch int) State

	// Step reads T tokens for each of B samples: ids (T, B) int32, or
	// distributions over the vocabulary (T, B, V), whose expected embedding is
	// fed (the paper's look-ahead). The samples are those of the states, side by
	// side; states may have read more or less than each other. logits (1, B, V) are
	// of the token after the last, hidden (T, B, H) is what the decoder reads. next
	// are the states with these tokens read; they live on the tape until kept, and
	// the states stay as they were, so that a look-ahead is simply never kept.
	Step(t *autograd.Tape, in *autograd.Var, states ...State) (logits, hidden *autograd.Var, next []State)
}

// State is what a language model remembers of the tokens it has read: keys and
// values, or an LSTM's h and c and a memory of rows.
type State interface {
	// Len is how many positions have been read.
	Len() int

	// Rows is how many of them the state still holds by position; a model with
	// a bounded memory forgets the oldest.
	Rows() int

	// Copy is another state that remembers the same, for as many samples as s
	// has; of one sample it may make a batch of equal ones. So a prompt is read
	// once, for the steered state and the plain one, and for all samples. The
	// caller frees it. It is not for states on a tape.
	Copy(batch int) State

	// Moving are what steering may change of rows [from, to), one group per
	// layer, which shares one gradient norm: three axes (to-from, B, ...) for what
	// is held by position, and two (B, ...) for what is not and always moves. The
	// groups are the same for every state of a model. They are views: writing to
	// them changes the state.
	Moving(from, to int) [][]*tensor.Tensor

	// With is the state whose Moving(from, to) reads as moved, on a tape.
	With(from, to int, moved [][]*autograd.Var) State

	// Keep takes a Step's next off its tape, before Grad or Free. It takes over
	// the storage of the state that was stepped, which must not be used or freed
	// any more. On a state that no Step made it does nothing.
	Keep() State

	Free()
}
