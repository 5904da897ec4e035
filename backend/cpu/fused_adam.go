package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Adamer = (*Backend)(nil)

// AdamDirection advances the moments and writes the direction in one pass.
func (b *Backend) AdamDirection(u, m, v, p, g *tensor.Tensor, a backend.Adam) {
	b.writes(u, m, v)
	if isFloat32("AdamDirection", u) {
		adamDirection[float32](b, u, m, v, p, g, a)
	} else {
		adamDirection[float64](b, u, m, v, p, g, a)
	}
}

func adamDirection[T float](b *Backend, u, m, v, p, g *tensor.Tensor, a backend.Adam) {
	f := vectors[T]().adam
	us, ms, vs, ps, gs := slice[T](u), slice[T](m), slice[T](v), slice[T](p), slice[T](g)
	n := u.Len()
	if n < 2*rowGrain { // one task
		f(us[:n], ms[:n], vs[:n], ps[:n], gs[:n], a.Beta1, a.Beta2, a.Eps, a.WeightDecay, a.C1, a.C2)
		return
	}
	b.pool.For(n, rowGrain, func(lo, hi int) {
		f(us[lo:hi], ms[lo:hi], vs[lo:hi], ps[lo:hi], gs[lo:hi],
			a.Beta1, a.Beta2, a.Eps, a.WeightDecay, a.C1, a.C2)
	})
}
