package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// singleGrad tells whether the gradient of a single query can be written row by
// row.
func (a *attention[T]) singleGrad(g *backend.AttentionGrads) bool {
	if !a.single() {
		return false
	}
	for _, pieces := range [][]*tensor.Tensor{g.DK, g.DV} {
		for _, t := range pieces {
			if t != nil && t.Strides[3] != 1 {
				return false
			}
		}
	}
	return true
}

// decodeGrad is AttentionGrad for one query, in the parts of decode: each key
// and value is read once, in place, and the parts of dQ are added in order.
func (a *attention[T]) decodeGrad(g *backend.AttentionGrads) {
	size, parts := a.decodeParts()
	all := dense(scratch[T](a.b, a.batch*parts*a.heads*a.dim), a.batch*parts, a.heads*a.dim)
	defer release(a.b, all.data)
	a.b.pool.Do(a.batch*parts, func(task int) {
		lo := task % parts * size
		p := decodePart[T]{attention: a, sample: task / parts, lo: lo, hi: min(lo+size, a.keys)}
		p.backward(g, all.row(task))
	})
	if g.DQ == nil {
		return
	}
	for sample := range a.batch {
		sum := all.row(sample * parts)
		for part := 1; part < parts; part++ {
			a.vec.add(sum, sum, all.row(sample*parts+part))
		}
		a.vec.affine(sum, sum, T(a.c.Scale), 0)
		for h := range a.heads {
			head[T](g.DQ, sample, h).store(0, sum[h*a.dim:(h+1)*a.dim])
		}
	}
}

// backward writes the gradients of the part's keys and values, and what they
// add to dQ/Scale.
func (p decodePart[T]) backward(g *backend.AttentionGrads, dq []T) {
	n := p.hi - p.lo
	space := newArena[T](p.b, p.heads*2*(n+p.dim))
	defer release(p.b, space.all)
	q, out := p.scaled(&space), dense(space.take(p.heads*p.dim), p.heads, p.dim)
	weights, ds := dense(space.take(p.heads*n), p.heads, n), dense(space.take(p.heads*n), p.heads, n)
	for h := range p.heads {
		head[T](g.DOut, p.sample, h).load(out.row(h), 0)
	}
	p.products(weights, q, p.c.K)
	p.products(ds, out, p.c.V)
	for h := range p.heads {
		index := p.sample*p.heads + h
		w, d := weights.row(h), ds.row(h)
		result := dq[:p.dim]
		head[T](p.c.Out, p.sample, h).load(result, 0)
		p.vec.expSum(w, w, slice[T](p.c.LSE)[index])
		p.vec.affine(d, d, 1, -p.vec.dot(out.row(h), result))
		p.vec.mul(d, d, w)
	}
	clear(dq)
	if g.DQ != nil {
		p.mixtures(dq, ds, p.c.K)
	}
	for s := range p.groups() {
		p.outer(wanted(g.DK, s.piece), s, ds, q)
		p.outer(wanted(g.DV, s.piece), s, weights, out)
	}
}

// outer writes the rows of a piece's gradient, if it is wanted: each a factor
// times its head's row of x.
func (p decodePart[T]) outer(piece *tensor.Tensor, s span, factors, x matrix[T]) {
	if piece == nil {
		return
	}
	for h := range p.heads {
		to, row := head[T](piece, p.sample, h), factors.row(h)
		for i := s.lo; i < s.hi; i++ {
			p.vec.affine(to.row(i), x.row(h), row[s.at-p.lo+i-s.lo], 0)
		}
	}
}
