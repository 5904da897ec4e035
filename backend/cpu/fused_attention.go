package cpu

import (
	"iter"
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Attender = (*Backend)(nil)

// Rows of queries and of keys that are worked on at a time: the scores of one
// block of each, and the block of keys packed, stay in the second-level cache.
const (
	queryBlock    = 128
	keyBlock      = 192
	diagonalBlock = 64
)

// Attention computes Out and LSE block by block, keeping for each query the
// largest score so far, and the sums that belong to it (Milakov and
// Gimelshein 2018, Dao et al. 2022).
func (b *Backend) Attention(c *backend.AttentionCall) {
	if isFloat32("Attention", c.Q) {
		attentionForward[float32](b, c)
	} else {
		attentionForward[float64](b, c)
	}
}

// attention are the sizes and operands of an AttentionCall.
type attention[T float] struct {
	b       *Backend
	vec     *vector[T]
	c       *backend.AttentionCall
	batch   int // B
	heads   int
	queries int // T
	keys    int // S
	dim     int // D
	weights multiplier[T]
	values  multiplier[T]
}

func newAttention[T float](b *Backend, c *backend.AttentionCall) *attention[T] {
	s := c.Q.Shape
	a := &attention[T]{b: b, vec: vectors[T](), c: c, batch: s[0], heads: s[1], queries: s[2], dim: s[3]}
	for _, k := range c.K {
		a.keys += k.Shape[2]
	}
	a.weights, a.values = newMultiplier[T](c.Weights), newMultiplier[T](c.Values)
	return a
}

// span is a block of keys: rows lo to hi of a piece, the first of which is row
// at of all S.
type span struct{ piece, lo, hi, at int }

func (s span) len() int { return s.hi - s.lo }

// spans are the blocks of the first some keys, at most size rows each. From key
// all on, where not every query in question sees every key, they are small, so
// that little is computed that nobody sees.
func (a *attention[T]) spans(all, some, size int) iter.Seq[span] {
	return func(yield func(span) bool) {
		at := 0
		for piece, k := range a.c.K {
			for lo, n := 0, min(k.Shape[2], some-at); lo < n; {
				hi := min(n, lo+size)
				if at+lo >= all {
					hi = min(hi, lo+diagonalBlock)
				} else {
					hi = min(hi, all-at)
				}
				if !yield(span{piece, lo, hi, at + lo}) {
					return
				}
				lo = hi
			}
			at += k.Shape[2]
		}
	}
}

// eachUnit runs f(0) to f(n-1): side by side where there is one for each
// worker, else one after the other with the pool for what is within.
func (a *attention[T]) eachUnit(n int, f func(unit int, p *pool.Pool)) {
	if n >= a.b.pool.Workers() {
		a.b.pool.Do(n, func(unit int) { f(unit, nil) })
		return
	}
	for unit := range n {
		f(unit, a.b.pool)
	}
}

// of is the part (rows, D) of a tensor that belongs to sample index/heads and
// head index%heads.
func (a *attention[T]) of(t *tensor.Tensor, index int) matrix[T] {
	return head[T](t, index/a.heads, index%a.heads)
}

func attentionForward[T float](b *Backend, c *backend.AttentionCall) {
	a := newAttention[T](b, c)
	if a.single() {
		a.decode()
		return
	}
	blocks := (a.queries + queryBlock - 1) / queryBlock
	a.eachUnit(a.batch*a.heads*blocks, func(unit int, p *pool.Pool) {
		// The last queries see the most keys: they go first.
		lo := (blocks - 1 - unit%blocks) * queryBlock
		a.forward(unit/blocks, lo, min(a.queries, lo+queryBlock), p)
	})
}

// queryRows is the state of a block of queries lo to hi of one sample and head.
type queryRows[T float] struct {
	*attention[T]
	p      *pool.Pool
	index  int // sample*heads + head
	lo, hi int
	q      matrix[T] // Scale*Q
	scores matrix[T] // (rows, keyBlock)
	drawn  matrix[T] // multipliers of the weights, like scores
	value  []T       // (keyBlock, D) for values with dropout

	drop func(lo, hi int) // dropRows

	s     span // the block of keys under way
	k, v  matrix[T]
	first int // the first query that sees any of it
}

func (r *queryRows[T]) len() int { return r.hi - r.lo }

// room is the scratch memory that start takes for n queries.
func (a *attention[T]) room(n int) int {
	room := n * (a.dim + keyBlock)
	if a.weights.on {
		room += n * keyBlock
	}
	if a.values.on {
		room += keyBlock * a.dim
	}
	return room
}

// start fills in the rest of r from its attention, pool, index, lo and hi.
func (r *queryRows[T]) start(space *arena[T]) {
	n := r.len()
	r.q = dense(space.take(n*r.dim), n, r.dim)
	r.scores = dense(space.take(n*keyBlock), n, keyBlock)
	if r.weights.on {
		r.drawn = dense(space.take(n*keyBlock), n, keyBlock)
	}
	if r.values.on {
		r.value = space.take(keyBlock * r.dim)
		r.drop = r.dropRows
	}
	q := r.of(r.c.Q).band(r.lo, r.hi)
	for i := range n {
		row := r.q.row(i)
		q.load(row, i)
		r.vec.affine(row, row, T(r.c.Scale), 0)
	}
}

// of is the sample's and head's part of a tensor (B, heads, rows, D).
func (r *queryRows[T]) of(t *tensor.Tensor) matrix[T] { return r.attention.of(t, r.index) }

// spans are the blocks of keys that these queries see.
func (r *queryRows[T]) spans() iter.Seq[span] {
	old := r.keys - r.queries
	return r.attention.spans(old+r.lo, old+r.hi, keyBlock)
}

// turn begins a block of keys: scores become its products with the queries.
func (r *queryRows[T]) turn(s span) {
	r.s = s
	r.k, r.v = r.of(r.c.K[s.piece]).band(s.lo, s.hi), r.of(r.c.V[s.piece]).band(s.lo, s.hi)
	r.first = max(0, s.at-(r.keys-r.queries+r.lo))
	product(r.b, r.p, r.block(r.scores), r.seeing(r.q), r.k.transpose(), false)
}

// seeing shows the rows of m of those queries that see any of the block.
func (r *queryRows[T]) seeing(m matrix[T]) matrix[T] { return m.band(r.first, r.len()) }

// block shows those rows, and as many columns as the block has keys.
func (r *queryRows[T]) block(m matrix[T]) matrix[T] { return r.seeing(m).columns(0, r.s.len()) }

// keysOf is row i of m, as long as the block, and the part that query i sees.
func (r *queryRows[T]) keysOf(m matrix[T], i int) (row []T, seen int) {
	return m.data[i*m.rs : i*m.rs+r.s.len()], min(r.s.len(), r.keys-r.queries+r.lo+i+1-r.s.at)
}

// dropped is the block's values times their multipliers.
func (r *queryRows[T]) dropped() matrix[T] {
	if !r.values.on {
		return r.v
	}
	r.p.For(r.s.len(), queryGrain, r.drop)
	return dense(r.value, r.s.len(), r.dim)
}

func (r *queryRows[T]) dropRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		r.dropValue(r.value[i*r.dim:(i+1)*r.dim], r.v, i, r.s.at+i)
	}
}

// dropValue is dst = row i of v times the multipliers of row at of all values.
func (r *queryRows[T]) dropValue(dst []T, v matrix[T], i, at int) {
	r.values.draw(dst, (at*r.batch*r.heads+r.index)*r.dim)
	if v.cs == 1 {
		r.vec.mul(dst, dst, v.row(i))
		return
	}
	for j := range dst {
		dst[j] *= v.data[i*v.rs+j*v.cs]
	}
}

// drawWeights writes the multipliers of query i's weights of the block.
func (r *queryRows[T]) drawWeights(dst []T, i int) {
	r.weights.draw(dst, (r.index*r.queries+r.lo+i)*r.keys+r.s.at)
}

// forwardRows is what the result of a block of queries needs besides.
type forwardRows[T float] struct {
	queryRows[T]
	acc       matrix[T] // (rows, D): the sum of weights times values
	most, sum []T       // the largest score of each query, and its sum of exponentials
}

// forward writes the results of a block of queries.
func (a *attention[T]) forward(index, lo, hi int, p *pool.Pool) {
	n := hi - lo
	space := newArena[T](a.b, a.room(n)+n*(a.dim+2))
	defer release(a.b, space.all)
	r := reuse[forwardRows[T]](&a.b.rows)
	defer giveBack(&a.b.rows, r)
	r.queryRows = queryRows[T]{attention: a, p: p, index: index, lo: lo, hi: hi}
	r.start(&space)
	r.acc = dense(space.take(n*a.dim), n, a.dim)
	r.most, r.sum = space.take(n), space.take(n)
	clear(r.acc.data)
	clear(r.sum)
	fill(r.most, T(math.Inf(-1)))
	weigh := r.weigh
	for s := range r.spans() {
		r.turn(s)
		p.For(n-r.first, queryGrain, weigh)
		product(a.b, p, r.seeing(r.acc), r.block(r.scores), r.dropped(), true)
	}
	out, lse := r.of(a.c.Out).band(lo, hi), slice[T](a.c.LSE)[index*a.queries+lo:]
	for i := range n {
		lse[i] = logSum(r.most[i], r.sum[i])
		a.vec.affine(r.acc.row(i), r.acc.row(i), 1/r.sum[i], 0)
		out.store(i, r.acc.row(i))
	}
}

// queryGrain is how many rows of scores or values are worth another worker.
const queryGrain = 16

// weigh turns the scores of queries first+lo to first+hi into exponentials.
func (r *forwardRows[T]) weigh(lo, hi int) {
	for i := r.first + lo; i < r.first+hi; i++ {
		row, n := r.keysOf(r.scores, i)
		clear(row[n:])
		seen := row[:n]
		r.raise(i, max(r.most[i], r.vec.max(seen)))
		r.sum[i] += r.vec.expSum(seen, seen, r.most[i])
		if r.weights.on {
			drawn := r.drawn.row(i)[:n]
			r.drawWeights(drawn, i)
			r.vec.mul(seen, seen, drawn)
		}
	}
}

// raise brings what was summed for query i to a new largest score.
func (r *forwardRows[T]) raise(i int, most T) {
	if most != r.most[i] && r.sum[i] != 0 {
		f := T(math.Exp(float64(r.most[i] - most)))
		r.sum[i] *= f
		r.vec.affine(r.acc.row(i), r.acc.row(i), f, 0)
	}
	r.most[i] = most
}
