package sharnn

import (
	"iter"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// Boom is the feed-forward: with Linear2 nil the reference's shortcut, a sum
// of chunks instead of a second matrix.
type Boom struct {
	Linear1 *nn.Linear // (F, H)
	Linear2 *nn.Linear // (H, F), or nil
}

// Forward keeps the shape (..., H).
func (f *Boom) Forward(x *autograd.Var, inner backend.Dropout) *autograd.Var {
	t := x.Tape()
	if f.Linear2 == nil {
		return autograd.Boom(x, f.Linear1.Weight.On(t), f.Linear1.Bias.On(t), inner)
	}
	return f.Linear2.Forward(autograd.Dropout(autograd.GELU(f.Linear1.Forward(x)), inner))
}

// Params carry the reference's names.
func (f *Boom) Params() iter.Seq2[string, *nn.Param] {
	parts := []nn.Named{{Name: "linear1", Part: f.Linear1}}
	if f.Linear2 != nil {
		parts = append(parts, nn.Named{Name: "linear2", Part: f.Linear2})
	}
	return nn.Join(parts...)
}

// Block is one layer of the model:
//
//	h = lstm(lnstart(h))                                  (+ lnstart(h) if Residual)
//	h = lnmid(h) + attn(lnmid(h), [memory; lnmem(h)])     with attention
//	h = lnff(h) + boom(lnxff(h))
type Block struct {
	Attn                                      *Attention // nil: none
	FF                                        *Boom
	LNStart, LNMid, LNMem, LNOut, LNFF, LNXFF *nn.LayerNorm // lnout is in the reference's files, unused
	RNN                                       *nn.LSTM
	Residual                                  bool
}

// NewBlock allocates a block; its matrices are zero until initialised.
func NewBlock(b backend.Backend, dtype tensor.DType, c Config, attends bool) *Block {
	norm := func() *nn.LayerNorm { return nn.NewLayerNorm(b, dtype, c.Width, LayerNormEps) }
	block := &Block{
		FF:      &Boom{Linear1: nn.NewLinear(b, dtype, c.Width, c.Hidden)},
		LNStart: norm(), LNMid: norm(), LNMem: norm(), LNOut: norm(), LNFF: norm(), LNXFF: norm(),
		RNN:      nn.NewLSTM(b, dtype, c.Width, c.Width),
		Residual: c.Residual,
	}
	if attends {
		block.Attn = NewAttention(b, dtype, c.Width, c.Heads, false)
	}
	return block
}

// Carry is what a block takes from one segment to the next.
type Carry struct {
	H, C   *autograd.Var   // (B, H); nil: zeros
	Memory []*autograd.Var // pieces (Mi, B, H) of past lnmem(h), oldest first

	// Apart are, instead of Memory, the memories of samples that have read more or
	// less than each other, side by side. They are for reading without dropout.
	Apart []Memory
}

// Memory is what a batch of samples remembers: pieces (Mi, Batch, H), oldest first.
type Memory struct {
	Batch int
	Rows  []*autograd.Var
}

// Forward runs a segment h (T, B, H). The Carry it returns has, as Memory, the
// segment's own rows alone, and none without attention.
func (l *Block) Forward(h *autograd.Var, in Carry, drop Dropouts, index int) (*autograd.Var, Carry) {
	h = l.LNStart.Forward(h)
	x, hn, cn := l.RNN.DropConnect(h, in.H, in.C, drop.at(index, SiteRecurrent))
	x = autograd.Dropout(x, drop.at(index, SiteLSTM))
	if l.Residual {
		x = autograd.Add(h, x)
	}
	h, out := x, Carry{H: hn, C: cn}
	if l.Attn != nil {
		own := l.LNMem.Forward(h)
		h = l.LNMid.Forward(h)
		var mix *autograd.Var
		if in.Apart == nil {
			rows := append(append([]*autograd.Var{}, in.Memory...), own)
			mix = l.Attn.Forward(h, rows, rows, drop, index)
		} else {
			mix = l.Attn.apart(h, own, in.Apart)
		}
		h = autograd.Add(autograd.Dropout(mix, drop.at(index, SiteAttention)), h)
		out.Memory = []*autograd.Var{own}
	}
	boom := l.FF.Forward(l.LNXFF.Forward(h), drop.at(index, SiteBoomInner))
	h = autograd.Add(autograd.Dropout(boom, drop.at(index, SiteBoom)), l.LNFF.Forward(h))
	return h, out
}

// recomputed is Forward with activations that are computed twice.
func (l *Block) recomputed(h *autograd.Var, in Carry, drop Dropouts, index int) (*autograd.Var, Carry) {
	operands, fresh := []*autograd.Var{h}, in.H == nil
	if !fresh {
		operands = append(operands, in.H, in.C)
	}
	out := autograd.Recompute(func(v []*autograd.Var) []*autograd.Var {
		h, rest, carry := v[0], v[1:], Carry{}
		if !fresh {
			carry.H, carry.C, rest = rest[0], rest[1], rest[2:]
		}
		carry.Memory = rest
		h, next := l.Forward(h, carry, drop, index)
		return append([]*autograd.Var{h, next.H, next.C}, next.Memory...)
	}, append(operands, in.Memory...)...)
	return out[0], Carry{H: out[1], C: out[2], Memory: out[3:]}
}

// Focus are the attention weights (B, heads, T, S) of the segment h, given what
// Forward is given.
func (l *Block) Focus(h *autograd.Var, in Carry) *autograd.Var {
	h = l.LNStart.Forward(h)
	x, _, _ := l.RNN.Forward(h, in.H, in.C)
	if l.Residual {
		x = autograd.Add(h, x)
	}
	rows := append(append([]*autograd.Var{}, in.Memory...), l.LNMem.Forward(x))
	return l.Attn.Weights(l.LNMid.Forward(x), rows)
}

// Params carry the reference's names.
func (l *Block) Params() iter.Seq2[string, *nn.Param] {
	var parts []nn.Named
	if l.Attn != nil {
		parts = append(parts, nn.Named{Name: "attn", Part: l.Attn})
	}
	return nn.Join(append(parts,
		nn.Named{Name: "ff", Part: l.FF},
		nn.Named{Name: "lnstart", Part: l.LNStart}, nn.Named{Name: "lnmid", Part: l.LNMid},
		nn.Named{Name: "lnmem", Part: l.LNMem}, nn.Named{Name: "lnout", Part: l.LNOut},
		nn.Named{Name: "lnff", Part: l.LNFF}, nn.Named{Name: "lnxff", Part: l.LNXFF},
		nn.Named{Name: "rnn", Part: l.RNN})...)
}
