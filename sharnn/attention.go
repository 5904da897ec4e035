package sharnn

import (
	"iter"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// Attention is the single head (reference class Attention): only the query
// passes through a matrix; keys and values are the memory itself, scaled by
// learnt vectors.
//
//	q = s(qs) * qln(Wq h + b);  k = s(ks) * rows;  v = vs' * rows
//	vs' = overparam(s(vs)), or vs once collapsed;  s is the logistic function
//
// The vectors are constant over time, so s(ks) is applied to the query and vs'
// to the mixture: the rows are read as they are, without a scaled copy.
type Attention struct {
	QS, KS, VS *nn.Param // (1, 1, H)
	QKVS       *nn.Param // (1, 3, H), unused, in the reference's files
	RGate      *nn.Param // (1, 1, H)
	Q          *nn.Linear
	QLN        *nn.LayerNorm
	R          *nn.Linear // (H, 2H), or nil
	VQ         *Overparam // nil once collapsed
	Heads      int
}

// NewAttention allocates an attention with the reference's constants; its
// matrices are zero until initialised. VQ's matrix is never one that is only
// stored: it is read once, to be collapsed.
func NewAttention(b backend.Backend, dtype tensor.DType, width, heads int, gated bool) *Attention {
	vector := func(fill float64, rows int) *nn.Param { return nn.NewParam(b, dtype.Compute(), fill, 1, rows, width) }
	a := &Attention{
		QS: vector(0, 1), KS: vector(0, 1), VS: vector(0, 1), QKVS: vector(0, 3), RGate: vector(1, 1),
		Q:     nn.NewLinear(b, dtype, width, width),
		QLN:   nn.NewLayerNorm(b, dtype, width, LayerNormEps),
		VQ:    &Overparam{nn.NewLinear(b, dtype.Compute(), width, 2*width)},
		Heads: heads,
	}
	if gated {
		a.R = nn.NewLinear(b, dtype, 2*width, width)
	}
	return a
}

// Forward mixes values for queries h (T, B, H). Keys and values come in pieces
// (Si, B, H), the memory's first and the segment's own last; in a block they
// are the same rows. block names the dropout places.
func (a *Attention) Forward(h *autograd.Var, keys, values []*autograd.Var, drop Dropouts, block int) *autograd.Var {
	q := a.query(h, drop, block)
	mix := autograd.Attention(a.scaled(q), keys, values, autograd.AttentionConfig{
		Heads: a.Heads, Scale: a.scale(),
		Weights: drop.at(block, SiteWeights), Values: drop.at(block, SiteValue),
	})
	return a.gated(mix, q, drop, block)
}

// apart is Forward for memories of their own: queries h (T, B, H) and their rows
// own stand side by side as the memories do.
func (a *Attention) apart(h, own *autograd.Var, memories []Memory) *autograd.Var {
	q := a.query(h, nil, 0)
	scaled, at, mixes := a.scaled(q), 0, make([]*autograd.Var, len(memories))
	for i, m := range memories {
		to := at + m.Batch
		rows := append(append([]*autograd.Var{}, m.Rows...), autograd.Slice(own, 1, at, to))
		mixes[i] = autograd.Attention(autograd.Slice(scaled, 1, at, to), rows, rows,
			autograd.AttentionConfig{Heads: a.Heads, Scale: a.scale()})
		at = to
	}
	return a.gated(autograd.Concat(1, mixes...), q, nil, 0)
}

// gated scales what values were mixed to, and lets the query in where there is a
// matrix for it.
func (a *Attention) gated(mix, q *autograd.Var, drop Dropouts, block int) *autograd.Var {
	t := q.Tape()
	mix = autograd.Mul(mix, a.valueScale(t))
	if a.R == nil {
		return mix
	}
	r := autograd.Dropout(autograd.Concat(-1, mix, q), drop.at(block, SiteGate))
	gate := autograd.Logistic(a.RGate.On(t))
	return autograd.Add(autograd.Mul(gate, mix), autograd.GELU(a.R.Forward(r)))
}

// Weights are the attention weights (B, heads, T, S), for pictures and tests.
func (a *Attention) Weights(h *autograd.Var, keys []*autograd.Var) *autograd.Var {
	q := a.scaled(a.query(h, nil, 0))
	return autograd.AttentionWeights(q, keys, autograd.AttentionConfig{Heads: a.Heads, Scale: a.scale()})
}

func (a *Attention) scale() float64 {
	return 1 / math.Sqrt(float64(a.Q.Weight.Value.Dim(0)/a.Heads))
}

// query is drop(s(qs) * qln(Wq h + b)).
func (a *Attention) query(h *autograd.Var, drop Dropouts, block int) *autograd.Var {
	q := a.QLN.Forward(a.Q.Forward(h))
	q = autograd.Mul(q, autograd.Logistic(a.QS.On(h.Tape())))
	return autograd.Dropout(q, drop.at(block, SiteQuery))
}

// scaled takes over the keys' vector s(ks).
func (a *Attention) scaled(q *autograd.Var) *autograd.Var {
	return autograd.Mul(q, autograd.Logistic(a.KS.On(q.Tape())))
}

// valueScale is vs' (1, 1, H).
func (a *Attention) valueScale(t *autograd.Tape) *autograd.Var {
	if a.VQ == nil {
		return a.VS.On(t)
	}
	return a.VQ.Forward(autograd.Logistic(a.VS.On(t)))
}

// Collapse replaces vs by vs' and drops the matrix that made it: the same
// outputs from fewer parameters (reference vq_collapse). Doing it twice does
// nothing.
func (a *Attention) Collapse(b backend.Backend) {
	if a.VQ == nil {
		return
	}
	t := autograd.NewTape(b)
	b.Copy(a.VS.Value, a.valueScale(t).Value)
	t.Free()
	nn.Free(b, a.VQ)
	a.VQ = nil
}

// Params carry the reference's names.
func (a *Attention) Params() iter.Seq2[string, *nn.Param] {
	parts := []nn.Named{{Name: "qs", Part: a.QS}, {Name: "ks", Part: a.KS}, {Name: "vs", Part: a.VS},
		{Name: "qkvs", Part: a.QKVS}, {Name: "r_gate", Part: a.RGate}, {Name: "q", Part: a.Q}, {Name: "qln", Part: a.QLN}}
	if a.R != nil {
		parts = append(parts, nn.Named{Name: "r", Part: a.R})
	}
	if a.VQ != nil {
		parts = append(parts, nn.Named{Name: "vq", Part: a.VQ})
	}
	return nn.Join(parts...)
}

// Overparam is s(f) * tanh(c) with c and f the halves of one linear layer.
type Overparam struct{ L1 *nn.Linear }

// Forward keeps the shape (..., H).
func (o *Overparam) Forward(x *autograd.Var) *autograd.Var {
	y := o.L1.Forward(x)
	n := x.Value.Dim(-1)
	c, f := autograd.Slice(y, -1, 0, n), autograd.Slice(y, -1, n, 2*n)
	return autograd.Mul(autograd.Logistic(f), autograd.Tanh(c))
}

// Params are l1's.
func (o *Overparam) Params() iter.Seq2[string, *nn.Param] {
	return nn.Join(nn.Named{Name: "l1", Part: o.L1})
}
