package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Dropper = (*Backend)(nil)

// multiplier gives the numbers of one dropout site piece by piece.
type multiplier[T float] struct {
	on   bool
	mask []T // the caller's multipliers, or nil for the key's
	p    float64
	key  tensor.Key
}

func newMultiplier[T float](d backend.Dropout) multiplier[T] {
	m := multiplier[T]{on: d.On(), p: d.P, key: d.Key}
	if d.Mask != nil {
		m.mask = slice[T](d.Mask)
	}
	return m
}

// draw writes the site's numbers from at on. A block of the generator gives
// four numbers; what comes before the first whole block is drawn apart, so that
// the rest takes the fast way.
func (m *multiplier[T]) draw(dst []T, at int) {
	if m.mask != nil {
		copy(dst, m.mask[at:])
		return
	}
	lead := min(-at&3, len(dst))
	mask(dst[:lead], m.p, m.key, uint64(at))
	mask(dst[lead:], m.p, m.key, uint64(at+lead))
}

// dropGrain is how many multipliers are drawn at a time: they stay in the
// first-level cache until they are used.
const dropGrain = 2048

// Dropout multiplies x by the site's multipliers, which are never stored.
func (b *Backend) Dropout(dst, x *tensor.Tensor, d backend.Dropout) {
	b.writes(dst)
	if isFloat32("Dropout", x) {
		dropout[float32](b, dst, x, d)
	} else {
		dropout[float64](b, dst, x, d)
	}
}

func dropout[T float](b *Backend, dst, x *tensor.Tensor, d backend.Dropout) {
	v, m := vectors[T](), newMultiplier[T](d)
	ys, xs := slice[T](dst), slice[T](x)
	b.pool.For(x.Len(), dropGrain, func(lo, hi int) {
		switch {
		case !m.on:
			copy(ys[lo:hi], xs[lo:hi])
		case m.mask != nil:
			v.mul(ys[lo:hi], xs[lo:hi], m.mask[lo:hi])
		default:
			dropRange(b, v, &m, ys, xs, lo, hi)
		}
	})
}

// dropRange multiplies elements lo to hi by numbers drawn from the key.
func dropRange[T float](b *Backend, v *vector[T], m *multiplier[T], ys, xs []T, lo, hi int) {
	buf := scratch[T](b, dropGrain)
	defer release(b, buf)
	for ; lo < hi; lo += dropGrain {
		end := min(hi, lo+dropGrain)
		drawn := buf[:end-lo]
		m.draw(drawn, lo)
		v.mul(ys[lo:end], xs[lo:end], drawn)
	}
}
