package cpu

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
)

// resident is the right factor of many products: packed once where that pays.
type resident[T float] struct {
	weights weights[T]
	packed  *gemm.Packed // of float32 only
	shared  bool         // packed is of Prepare's making
}

// packedUses is how many products of a few rows pay for packing the factor.
const packedUses = 4

// packs keeps the memory of packed factors for the next call.
var packs spare.List[gemm.Packed]

// hold prepares w for a number of products; drop ends that. Weights that are
// only stored are never packed: that would be a copy in float32.
func hold[T float](b *Backend, w weights[T], uses int) resident[T] {
	r := resident[T]{weights: w}
	x, ok := any(w.plain).(matrix[float32])
	if !ok || w.stored.Format != 0 {
		return r
	}
	if r.packed = b.prepared.find(x); r.packed != nil {
		r.shared = true
	} else if uses >= packedUses {
		r.packed = packs.GetOrNew()
		r.packed.Reset(b.pool, panel(x))
	}
	return r
}

func (r *resident[T]) drop() {
	if r.packed != nil && !r.shared {
		packs.Put(r.packed)
	}
}

// mul is c = a x, or c += a x.
func (r *resident[T]) mul(b *Backend, p *pool.Pool, c, a matrix[T], accumulate bool) {
	if r.packed == nil {
		mulWeights(b, p, c, a, r.weights, accumulate)
		return
	}
	var beta float32
	if accumulate {
		beta = 1
	}
	r.packed.Mul(p, panel(any(c).(matrix[float32])), panel(any(a).(matrix[float32])), beta)
}
