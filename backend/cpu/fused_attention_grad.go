package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/tensor"
)

// AttentionGrad computes the weights anew from LSE, block by block:
//
//	dV = drop(P)^T dOut,  dP = drop(dOut drop(V)^T)
//	dS = P*(dP - sum(dOut*Out)),  dQ = Scale dS K,  dK = Scale dS^T Q
func (b *Backend) AttentionGrad(c *backend.AttentionCall, g *backend.AttentionGrads) {
	if isFloat32("AttentionGrad", c.Q) {
		attentionBackward[float32](b, c, g)
	} else {
		attentionBackward[float64](b, c, g)
	}
}

func attentionBackward[T float](b *Backend, c *backend.AttentionCall, g *backend.AttentionGrads) {
	a := newAttention[T](b, c)
	if a.singleGrad(g) {
		a.decodeGrad(g)
		return
	}
	a.eachUnit(a.batch*a.heads, func(index int, p *pool.Pool) {
		r := reuse[gradRows[T]](&b.grads)
		defer giveBack(&b.grads, r)
		r.queryRows, r.g = queryRows[T]{attention: a, p: p, index: index}, g
		if a.queries == 0 {
			r.clearPieces()
			return
		}
		// The last queries see all keys: they write, the others add.
		for r.hi = a.queries; r.hi > 0; r.hi = r.lo {
			r.lo = max(0, r.hi-queryBlock)
			r.backward()
		}
		r.finishValues()
	})
}

// gradRows is what the gradients of a block of queries need besides.
type gradRows[T float] struct {
	queryRows[T]
	g     *backend.AttentionGrads
	out   matrix[T] // dOut (rows, D)
	delta []T       // sum of dOut*Out for each query
	lse   []T
	ds    matrix[T] // (rows, keyBlock): dP, then dS
	dq    matrix[T] // (rows, D)

	scored bool // the block's dS is wanted
}

// wanted is the gradient asked for of a piece, or nil.
func wanted(pieces []*tensor.Tensor, piece int) *tensor.Tensor {
	if piece >= len(pieces) {
		return nil
	}
	return pieces[piece]
}

// clearPieces writes the gradients of keys and values that no query saw.
func (r *gradRows[T]) clearPieces() {
	for _, pieces := range [][]*tensor.Tensor{r.g.DK, r.g.DV} {
		for _, t := range pieces {
			if t != nil {
				clearMatrix(r.of(t))
			}
		}
	}
}

// backward adds what a block of queries contributes to all gradients.
func (r *gradRows[T]) backward() {
	n := r.len()
	space := newArena[T](r.b, r.room(n)+n*(2*r.dim+keyBlock+1))
	defer release(r.b, space.all)
	r.start(&space)
	r.startGrad(&space)
	weigh := r.weigh
	for s := range r.spans() {
		dk, dv := wanted(r.g.DK, s.piece), wanted(r.g.DV, s.piece)
		r.scored = r.g.DQ != nil || dk != nil
		if !r.scored && dv == nil {
			continue
		}
		r.turn(s)
		if r.scored {
			product(r.b, r.p, r.block(r.ds), r.seeing(r.out), r.dropped().transpose(), false)
		}
		r.p.For(n-r.first, queryGrain, weigh)
		r.collect(dk, dv)
	}
	if r.g.DQ == nil {
		return
	}
	dq := r.of(r.g.DQ).band(r.lo, r.hi)
	for i := range n {
		r.vec.affine(r.dq.row(i), r.dq.row(i), T(r.c.Scale), 0)
		dq.store(i, r.dq.row(i))
	}
}

// startGrad fills in what start leaves.
func (r *gradRows[T]) startGrad(space *arena[T]) {
	n := r.len()
	r.out = dense(space.take(n*r.dim), n, r.dim)
	r.ds = dense(space.take(n*keyBlock), n, keyBlock)
	r.dq = dense(space.take(n*r.dim), n, r.dim)
	r.delta = space.take(n)
	r.lse = slice[T](r.c.LSE)[r.index*r.queries+r.lo:]
	out, dout := r.of(r.c.Out).band(r.lo, r.hi), r.of(r.g.DOut).band(r.lo, r.hi)
	for i := range n {
		dout.load(r.out.row(i), i)
		out.load(r.dq.row(i), i)
		r.delta[i] = r.vec.dot(r.out.row(i), r.dq.row(i))
	}
	clear(r.dq.data)
}

// weigh turns the scores of queries first+lo to first+hi into weights, their multipliers
// into dropped weights, and the gradient of those into that of the scores.
func (r *gradRows[T]) weigh(lo, hi int) {
	for i := r.first + lo; i < r.first+hi; i++ {
		row, n := r.keysOf(r.scores, i)
		ds, _ := r.keysOf(r.ds, i)
		clear(row[n:])
		clear(ds[n:])
		row, ds = row[:n], ds[:n]
		r.vec.expSum(row, row, r.lse[i])
		if r.weights.on {
			r.dropWeights(row, ds, i)
		}
		if r.scored {
			r.vec.affine(ds, ds, 1, -r.delta[i])
			r.vec.mul(ds, ds, row)
		}
	}
}

// dropWeights leaves query i's dropped weights in drawn, and multiplies ds.
func (r *gradRows[T]) dropWeights(row, ds []T, i int) {
	drawn, n := r.keysOf(r.drawn, i)
	clear(drawn[n:])
	r.drawWeights(drawn[:n], i)
	if r.scored {
		r.vec.mul(ds, ds, drawn[:n])
	}
	r.vec.mul(drawn[:n], drawn[:n], row)
}

// collect adds the block's products to the gradients.
func (r *gradRows[T]) collect(dk, dv *tensor.Tensor) {
	written := r.hi < r.queries // by later queries
	if dv != nil {
		used := r.scores
		if r.weights.on {
			used = r.drawn
		}
		product(r.b, r.p, r.of(dv).band(r.s.lo, r.s.hi), r.block(used).transpose(), r.seeing(r.out), written)
	}
	if r.g.DQ != nil {
		product(r.b, r.p, r.seeing(r.dq), r.block(r.ds), r.k, true)
	}
	if dk != nil {
		product(r.b, r.p, r.of(dk).band(r.s.lo, r.s.hi), r.block(r.ds).transpose(), r.seeing(r.q), written)
	}
}

// finishValues turns the gradients of dropped values into those of values.
func (r *gradRows[T]) finishValues() {
	if !r.values.on {
		return
	}
	first := 0
	for piece, v := range r.c.V {
		if t := wanted(r.g.DV, piece); t != nil {
			r.dropPiece(r.of(t), first)
		}
		first += v.Shape[2]
	}
}

// dropPiece multiplies dv, whose rows are from row first of all values on.
func (r *gradRows[T]) dropPiece(dv matrix[T], first int) {
	r.p.For(dv.rows, queryGrain, func(lo, hi int) {
		tmp := scratch[T](r.b, r.dim)
		defer release(r.b, tmp)
		for i := lo; i < hi; i++ {
			r.dropValue(tmp, dv, i, first+i)
			dv.store(i, tmp)
		}
	})
}
