//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// AttentionGrad computes the weights anew from LSE, block by block:
//
//	dV = drop(P)^T dOut,  dP = drop(dOut drop(V)^T)
//	dS = Scale*P*(dP - sum(dOut*Out)),  dQ = dS K,  dK = dS^T Q
func (b *Backend) AttentionGrad(c *backend.AttentionCall, g *backend.AttentionGrads) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.newAttention("AttentionGrad", c)
	switch {
	case a.empty():
		a.clear(g)
	case a.few(g):
		a.decodeGrad(g)
	default:
		a.backward(g)
	}
}

// clear writes the gradients of what no query saw.
func (a *attention) clear(g *backend.AttentionGrads) {
	for _, pieces := range [][]*tensor.Tensor{g.DK, g.DV} {
		for _, t := range pieces {
			if t != nil && t.Len() > 0 {
				a.b.fill(t, 0)
			}
		}
	}
}

// gradients are what is wanted, and whether any of it needs the gradient of the
// scores.
type gradients struct {
	*backend.AttentionGrads
	scored bool
}

func (a *attention) backward(g *backend.AttentionGrads) {
	want := gradients{g, g.DQ != nil || anyOf(g.DK)}
	if !want.scored && !anyOf(g.DV) {
		return
	}
	w := a.work(true)
	defer w.free()
	if want.scored {
		w.sumProducts(g.DOut)
	}
	w.portions(func(p *portion) {
		p.dout = p.readable(w.dout, []*tensor.Tensor{g.DOut})[0]
		p.blocks(func(b *block) { b.backward(want) })
		p.finish(g.DV)
	})
}

// anyOf tells whether one of a list is there.
func anyOf(pieces []*tensor.Tensor) bool {
	for _, t := range pieces {
		if t != nil {
			return true
		}
	}
	return false
}

// pieceOf is piece i of a list that may end before it.
func pieceOf(pieces []*tensor.Tensor, i int) *tensor.Tensor {
	if i >= len(pieces) {
		return nil
	}
	return pieces[i]
}

// sumProducts writes delta, the sums of dOut*Out.
func (w *attentionWork) sumProducts(dout *tensor.Tensor) {
	b, n := w.b, w.batch*w.heads*w.queries
	name := "attention_delta_f32"
	if dout.DType == tensor.Float64 {
		name = "attention_delta_f64"
	}
	k := kernel{file: "attention", name: name}
	l := b.begin(k, b.spread(n*32), threads, 0).Ptr(w.delta.at).Ptr(b.at(w.c.Out)).Words(viewWords(w.c.Out)...)
	l.Ptr(b.at(dout)).Words(viewWords(dout)...).Int(w.batch).Int(w.heads).Int(w.queries).Int(w.width)
	b.run(k, l)
}

// backward adds what a block of queries contributes to all gradients.
func (b *block) backward(want gradients) {
	w := b.attentionWork
	dweights := b.room(w.dweights, b.c.Q.DType)
	weights, dscores := b.room(w.weights, b.factor), b.room(w.dscores, b.factor)
	b.products(b.scores, b.q, b.k)
	if want.scored {
		b.products(dweights, b.dout, b.v)
	}
	b.weigh(weights, dscores, dweights, want)
	b.collect(want.DV, b.c.V, weights, b.dout)
	if want.DQ != nil {
		b.mixtures(b.of(want.DQ), dscores, b.k)
	}
	b.collect(want.DK, b.c.K, dscores, b.q)
}

// weigh turns scores into weights times their multipliers, and dweights into the
// gradient of the products that scores were.
func (b *block) weigh(weights, dscores, dweights *tensor.Tensor, want gradients) {
	k := kernel{file: "attention", name: "attention_weigh" + b.suffix}
	l := b.eachRow(k)
	if anyOf(want.DV) {
		l.Ptr(b.b.at(weights))
	} else {
		l.Ptr(0)
	}
	if want.scored {
		l.Ptr(b.b.at(dscores))
	} else {
		l.Ptr(0)
	}
	l.Ptr(b.b.at(b.scores)).Ptr(b.b.at(dweights)).Words(uint64(b.b.at(b.c.LSE)), uint64(b.delta.at))
	b.b.run(k, l.Words(b.words()...).Words(b.b.dropoutWords(b.c.Weights)...).Double(b.c.Scale))
}

// collect adds to the gradients of pieces the block's factors, transposed, times
// the queries' rows x. The last queries see all keys: they write.
func (b *block) collect(grads, pieces []*tensor.Tensor, factors, x *tensor.Tensor) {
	if !anyOf(grads) {
		return
	}
	b.spans(pieces, func(s span) {
		dst := pieceOf(grads, s.piece)
		if dst == nil {
			return
		}
		to := b.of(dst).Slice(2, s.row, s.row+s.n)
		b.b.matMul(to, b.tile(factors, s).Transpose(), b.seeing(x, s), b.hi < b.queries)
	})
}

// finish turns the gradients of dropped values into those of values.
func (p *portion) finish(dv []*tensor.Tensor) {
	if !p.c.Values.On() {
		return
	}
	suffix := "_f32"
	if p.c.Q.DType == tensor.Float64 {
		suffix = "_f64"
	}
	first := 0
	for i, v := range p.c.V {
		if dst := pieceOf(dv, i); dst != nil {
			p.drop(p.of(dst), p.of(dst), first, suffix)
		}
		first += v.Shape[2]
	}
}
