package gpt2

import (
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/nn"
)

// Block is one layer:
//
//	x += Mix attention(QKV norm1(x));  x += Outer gelu(Inner norm2(x))
type Block struct {
	Norm1, Norm2 *nn.LayerNorm
	QKV          *nn.Linear // (3H, H): queries, keys and values
	Mix          *nn.Linear // (H, H)
	Inner, Outer *nn.Linear // (F, H), (H, F)
	heads        int
}

// pair is the keys and values of some rows, each (n, B, H).
type pair struct{ keys, values *autograd.Var }

// rows are the past of a batch of samples: pieces, oldest first.
type rows struct {
	batch  int
	pieces []pair
}

// forward maps x (T, B, H), the samples of pasts side by side, and returns the keys
// and values of x's own rows besides, for each past.
func (l *Block) forward(x *autograd.Var, pasts []rows) (y *autograd.Var, own []pair) {
	width := x.Value.Dim(-1)
	qkv := l.QKV.Forward(l.Norm1.Forward(x))
	at, mixes := 0, make([]*autograd.Var, len(pasts))
	for i, past := range pasts {
		part := qkv
		if len(pasts) > 1 {
			part = autograd.Slice(qkv, 1, at, at+past.batch)
			at += past.batch
		}
		p := pair{autograd.Slice(part, -1, width, 2*width), autograd.Slice(part, -1, 2*width, 3*width)}
		own, mixes[i] = append(own, p), l.attend(autograd.Slice(part, -1, 0, width), append(past.pieces, p))
	}
	mix := mixes[0]
	if len(pasts) > 1 {
		mix = autograd.Concat(1, mixes...)
	}
	x = autograd.Add(x, l.Mix.Forward(mix))
	inner := autograd.GELUTanh(l.Inner.Forward(l.Norm2.Forward(x)))
	return autograd.Add(x, l.Outer.Forward(inner)), own
}

// attend mixes the values of pieces, of which the last are the queries' own.
func (l *Block) attend(q *autograd.Var, pieces []pair) *autograd.Var {
	keys, values := make([]*autograd.Var, len(pieces)), make([]*autograd.Var, len(pieces))
	for i, p := range pieces {
		keys[i], values[i] = p.keys, p.values
	}
	return autograd.Attention(q, keys, values, autograd.AttentionConfig{
		Heads: l.heads, Scale: 1 / math.Sqrt(float64(q.Value.Dim(-1)/l.heads)),
	})
}
