package nn

import (
	"iter"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Linear is x weight^T + bias.
type Linear struct {
	Weight *Param // (O, I)
	Bias   *Param // (O)
}

// NewLinear allocates a linear layer of zeros.
func NewLinear(b backend.Backend, dtype tensor.DType, in, out int) *Linear {
	return &Linear{NewParam(b, dtype, 0, out, in), NewParam(b, dtype.Compute(), 0, out)}
}

// Forward maps (..., I) to (..., O).
func (l *Linear) Forward(x *autograd.Var) *autograd.Var {
	t := x.Tape()
	return autograd.Linear(x, l.Weight.On(t), l.Bias.On(t))
}

// Params are weight and bias.
func (l *Linear) Params() iter.Seq2[string, *Param] {
	return Join(Named{"weight", l.Weight}, Named{"bias", l.Bias})
}

// Embedding is a table of rows.
type Embedding struct {
	Weight *Param // (V, H)
}

// NewEmbedding allocates a table of zeros.
func NewEmbedding(b backend.Backend, dtype tensor.DType, symbols, width int) *Embedding {
	return &Embedding{NewParam(b, dtype, 0, symbols, width)}
}

// Forward maps int32 ids (...) to rows (..., H).
func (e *Embedding) Forward(ids *autograd.Var) *autograd.Var {
	return autograd.Gather(e.Weight.On(ids.Tape()), ids)
}

// Params is the table.
func (e *Embedding) Params() iter.Seq2[string, *Param] { return Join(Named{"weight", e.Weight}) }

// LayerNorm normalises the last axis.
type LayerNorm struct {
	Weight, Bias *Param // (H)
	Eps          float64
}

// NewLayerNorm allocates a layer norm of weight 1 and bias 0.
func NewLayerNorm(b backend.Backend, dtype tensor.DType, width int, eps float64) *LayerNorm {
	return &LayerNorm{NewParam(b, dtype.Compute(), 1, width), NewParam(b, dtype.Compute(), 0, width), eps}
}

// Forward keeps the shape (..., H).
func (l *LayerNorm) Forward(x *autograd.Var) *autograd.Var {
	t := x.Tape()
	return autograd.LayerNorm(x, l.Weight.On(t), l.Bias.On(t), l.Eps)
}

// Params are weight and bias.
func (l *LayerNorm) Params() iter.Seq2[string, *Param] {
	return Join(Named{"weight", l.Weight}, Named{"bias", l.Bias})
}

// LSTM is one layer, gates in the order i, f, g, o, as torch.nn.LSTM.
type LSTM struct {
	WeightIH *Param // (4H, I)
	WeightHH *Param // (4H, H)
	BiasIH   *Param // (4H)
	BiasHH   *Param // (4H)
}

// NewLSTM allocates a layer of zeros.
func NewLSTM(b backend.Backend, dtype tensor.DType, in, hidden int) *LSTM {
	return &LSTM{
		WeightIH: NewParam(b, dtype, 0, 4*hidden, in),
		WeightHH: NewParam(b, dtype, 0, 4*hidden, hidden),
		BiasIH:   NewParam(b, dtype.Compute(), 0, 4*hidden),
		BiasHH:   NewParam(b, dtype.Compute(), 0, 4*hidden),
	}
}

// Forward runs x (T, B, I) from the state h, c (B, H), which may be nil for
// zeros, and returns y (T, B, H) and the state after the last step.
func (l *LSTM) Forward(x, h, c *autograd.Var) (y, hn, cn *autograd.Var) {
	return l.DropConnect(x, h, c, backend.Dropout{})
}

// DropConnect is Forward with dropout of WeightHH's elements, the same for all
// steps (Merity et al., arXiv 1708.02182).
func (l *LSTM) DropConnect(x, h, c *autograd.Var, drop backend.Dropout) (y, hn, cn *autograd.Var) {
	t := x.Tape()
	zeros := func() *autograd.Var {
		return t.Own(backend.Zeros(t.Backend, x.Value.DType, x.Value.Dim(1), l.WeightHH.Value.Dim(1)))
	}
	if h == nil {
		h = zeros()
	}
	if c == nil {
		c = zeros()
	}
	whh := autograd.Dropout(l.WeightHH.On(t), drop)
	return autograd.LSTM(x, h, c, l.WeightIH.On(t), whh, l.BiasIH.On(t), l.BiasHH.On(t))
}

// Params carry torch.nn.LSTM's names.
func (l *LSTM) Params() iter.Seq2[string, *Param] {
	return Join(Named{"weight_ih_l0", l.WeightIH}, Named{"weight_hh_l0", l.WeightHH},
		Named{"bias_ih_l0", l.BiasIH}, Named{"bias_hh_l0", l.BiasHH})
}
