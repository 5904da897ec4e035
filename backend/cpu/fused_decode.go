package cpu

import "math"

// decodeBlock is how many keys make a task when there is one query. The parts
// are put together in the order of the keys.
const decodeBlock = 512

// single tells whether there is one query for each head, and no dropout.
func (a *attention[T]) single() bool {
	return a.queries == 1 && !a.weights.on && !a.values.on
}

// decode is Attention for one query: each key and value is read once, in place.
func (a *attention[T]) decode() {
	parts := 0
	for range a.spans(a.keys, a.keys, decodeBlock) {
		parts++
	}
	heads, width := a.batch*a.heads, a.dim+2 // the part of Out, the largest score, the sum
	all := dense(scratch[T](a.b, heads*parts*width), heads*parts, width)
	defer release(a.b, all.data)
	a.b.pool.Do(heads*parts, func(task int) {
		part := task % parts
		for s := range a.spans(a.keys, a.keys, decodeBlock) {
			if part == 0 {
				a.decodePart(task/parts, s, all.row(task))
				return
			}
			part--
		}
	})
	for index := range heads {
		a.decodeJoin(index, all.band(index*parts, (index+1)*parts))
	}
}

// decodePart writes the sums over one block of keys.
func (a *attention[T]) decodePart(index int, s span, out []T) {
	n := s.len()
	space := newArena[T](a.b, n+a.dim)
	defer release(a.b, space.all)
	q, scores := space.take(a.dim), space.take(n)
	a.of(a.c.Q, index).load(q, 0)
	a.vec.affine(q, q, T(a.c.Scale), 0)
	k, v := a.of(a.c.K[s.piece], index).band(s.lo, s.hi), a.of(a.c.V[s.piece], index).band(s.lo, s.hi)
	product(a.b, nil, dense(scores, 1, n), dense(q, 1, a.dim), k.transpose(), false)
	most := a.vec.max(scores)
	out[a.dim], out[a.dim+1] = most, a.vec.expSum(scores, scores, most)
	product(a.b, nil, dense(out, 1, a.dim), dense(scores, 1, n), v, false)
}

// decodeJoin puts the parts of one head together.
func (a *attention[T]) decodeJoin(index int, parts matrix[T]) {
	most := T(math.Inf(-1))
	for i := range parts.rows {
		most = max(most, parts.row(i)[a.dim])
	}
	acc := parts.row(0)[:a.dim]
	var sum T
	for i := range parts.rows {
		part := parts.row(i)
		f := T(math.Exp(float64(part[a.dim] - most)))
		sum += f * part[a.dim+1]
		if i == 0 {
			a.vec.affine(acc, acc, f, 0)
		} else {
			a.vec.axpy(acc, f, part[:a.dim])
		}
	}
	slice[T](a.c.LSE)[index] = logSum(most, sum)
	a.vec.affine(acc, acc, 1/sum, 0)
	a.of(a.c.Out, index).store(0, acc)
}
