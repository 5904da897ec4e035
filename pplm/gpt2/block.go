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

// forward maps x (T, B, H), after rows whose keys and values are past, and
// returns those of x's own rows besides.
func (l *Block) forward(x *autograd.Var, past []pair) (y *autograd.Var, own pair) {
	width := x.Value.Dim(-1)
	qkv := l.QKV.Forward(l.Norm1.Forward(x))
	q := autograd.Slice(qkv, -1, 0, width)
	own = pair{autograd.Slice(qkv, -1, width, 2*width), autograd.Slice(qkv, -1, 2*width, 3*width)}
	keys, values := make([]*autograd.Var, 0, len(past)+1), make([]*autograd.Var, 0, len(past)+1)
	for _, p := range past {
		keys, values = append(keys, p.keys), append(values, p.values)
	}
	mix := autograd.Attention(q, append(keys, own.keys), append(values, own.values), autograd.AttentionConfig{
		Heads: l.heads, Scale: 1 / math.Sqrt(float64(width/l.heads)),
	})
	x = autograd.Add(x, l.Mix.Forward(mix))
	inner := autograd.GELUTanh(l.Inner.Forward(l.Norm2.Forward(x)))
	return autograd.Add(x, l.Outer.Forward(inner)), own
}
