package cpu

import (
	"iter"
	"math"

	"github.com/tiller-ml/tiller/tensor"
)

const (
	// mostParts is how many tasks the keys of a sample are cut into where there
	// is one query, leastKeys and mostKeys those that a task has. Parts are put
	// together in the order of the keys; they depend on the number of keys alone.
	mostParts = 8
	leastKeys = 16
	mostKeys  = 512
	// decodeGroup is how many rows of keys stay in the first-level cache while
	// each head has its turn: memory is read row by row.
	decodeGroup = 8
)

// single tells whether there is one query for each head, no dropout, and keys
// and values whose rows are dense.
func (a *attention[T]) single() bool {
	if a.queries != 1 || a.weights.on || a.values.on {
		return false
	}
	for i, k := range a.c.K {
		if k.Strides[3] != 1 || a.c.V[i].Strides[3] != 1 {
			return false
		}
	}
	return true
}

// decodeParts are the keys of a part, and the number of parts.
func (a *attention[T]) decodeParts() (size, parts int) {
	size = min(max((a.keys+mostParts-1)/mostParts, leastKeys), mostKeys)
	return size, (a.keys + size - 1) / size
}

// decode is Attention for one query: each key and value is read once, in place.
func (a *attention[T]) decode() {
	size, parts := a.decodeParts()
	width := a.heads * (a.dim + 2)
	all := dense(scratch[T](a.b, a.batch*parts*width), a.batch*parts, width)
	defer release(a.b, all.data)
	a.b.pool.Do(a.batch*parts, func(task int) {
		lo := task % parts * size
		p := decodePart[T]{attention: a, sample: task / parts, lo: lo, hi: min(lo+size, a.keys)}
		p.run(all.row(task))
	})
	for sample := range a.batch {
		for h := range a.heads {
			a.decodeJoin(sample*a.heads+h, h, all.band(sample*parts, (sample+1)*parts))
		}
	}
}

// decodePart is the work of one sample on keys lo to hi of all pieces.
type decodePart[T float] struct {
	*attention[T]
	sample, lo, hi int
}

// run writes, for each head, the sum of exponentials times values, then the
// largest scores of all heads, then their sums of exponentials.
func (p decodePart[T]) run(out []T) {
	n := p.hi - p.lo
	space := newArena[T](p.b, p.heads*(n+p.dim))
	defer release(p.b, space.all)
	q, scores := p.scaled(&space), dense(space.take(p.heads*n), p.heads, n)
	p.products(scores, q, p.c.K)
	most, sums := out[p.heads*p.dim:][:p.heads], out[p.heads*(p.dim+1):]
	for h := range p.heads {
		row := scores.row(h)
		most[h] = p.vec.max(row)
		sums[h] = p.vec.expSum(row, row, most[h])
	}
	clear(out[:p.heads*p.dim])
	p.mixtures(out, scores, p.c.V)
}

// scaled are the queries of all heads times Scale.
func (p decodePart[T]) scaled(space *arena[T]) matrix[T] {
	q := dense(space.take(p.heads*p.dim), p.heads, p.dim)
	for h := range p.heads {
		row := q.row(h)
		head[T](p.c.Q, p.sample, h).load(row, 0)
		p.vec.affine(row, row, T(p.c.Scale), 0)
	}
	return q
}

// products writes to dst (heads, keys) the products of the part's rows of the
// pieces with each head's row of x.
func (p decodePart[T]) products(dst, x matrix[T], pieces []*tensor.Tensor) {
	for s := range p.groups() {
		rows := head[T](pieces[s.piece], p.sample, 0)
		for h := range p.heads {
			p.vec.dotRows(dst.row(h)[s.at-p.lo:][:s.len()], x.row(h), rows.data[s.lo*rows.rs+h*step(pieces[s.piece]):], rows.rs)
		}
	}
}

// mixtures adds to each head's row of dst (heads, D) the part's rows of the
// pieces times factors (heads, keys).
func (p decodePart[T]) mixtures(dst []T, factors matrix[T], pieces []*tensor.Tensor) {
	for s := range p.groups() {
		rows := head[T](pieces[s.piece], p.sample, 0)
		for h := range p.heads {
			p.vec.addRows(dst[h*p.dim:(h+1)*p.dim], factors.row(h)[s.at-p.lo:][:s.len()], rows.data[s.lo*rows.rs+h*step(pieces[s.piece]):], rows.rs)
		}
	}
}

// step is the distance between the heads of a tensor (B, heads, rows, D).
func step(t *tensor.Tensor) int { return t.Strides[1] }

// groups are the keys in order, a few rows of one piece at a time.
func (p decodePart[T]) groups() iter.Seq[span] {
	return func(yield func(span) bool) {
		at := 0
		for piece, k := range p.c.K {
			end := at + k.Shape[2]
			for lo := max(p.lo, at); lo < min(p.hi, end); lo += decodeGroup {
				hi := min(lo+decodeGroup, p.hi, end)
				if !yield(span{piece, lo - at, hi - at, lo}) {
					return
				}
			}
			at = end
		}
	}
}

// decodeJoin puts the parts of head h of a sample together; index counts the
// heads of all samples.
func (a *attention[T]) decodeJoin(index, h int, parts matrix[T]) {
	most := T(math.Inf(-1))
	of := func(part int) (acc []T, most, sum T) {
		row := parts.row(part)
		return row[h*a.dim : (h+1)*a.dim], row[a.heads*a.dim+h], row[a.heads*(a.dim+1)+h]
	}
	for i := range parts.rows {
		_, m, _ := of(i)
		most = max(most, m)
	}
	acc, first, sum := of(0)
	f := T(math.Exp(float64(first - most)))
	sum *= f
	a.vec.affine(acc, acc, f, 0)
	for i := 1; i < parts.rows; i++ {
		part, m, s := of(i)
		f := T(math.Exp(float64(m - most)))
		sum += f * s
		a.vec.axpy(acc, f, part)
	}
	slice[T](a.c.LSE)[index] = logSum(most, sum)
	a.vec.affine(acc, acc, 1/sum, 0)
	a.of(a.c.Out, index).store(0, acc)
}
