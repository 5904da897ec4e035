package cpu

import (
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// Select is dst = cond != 0 ? x : y; cond is int32, all broadcast to dst.
func (b *Backend) Select(dst, cond, x, y *tensor.Tensor) {
	b.writes(dst)
	l := b.elementwise(dst.Shape, dst, cond, x, y)
	defer b.done(l)
	switch dst.DType.Size() {
	case 8:
		choose(b, l, slice[float64](dst), slice[int32](cond), slice[float64](x), slice[float64](y))
	case 4:
		choose(b, l, slice[float32](dst), slice[int32](cond), slice[float32](x), slice[float32](y))
	case 2:
		choose(b, l, elements[uint16](dst), slice[int32](cond), elements[uint16](x), elements[uint16](y))
	}
}

func choose[T number](b *Backend, l *loop.Loop, dst []T, cond []int32, x, y []T) {
	dk, ck, xk, yk := l.Inner(0), l.Inner(1), l.Inner(2), l.Inner(3)
	b.pool.For(l.Size, grain, func(lo, hi int) {
		l.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
			d, c, u, v := off[0], off[1], off[2], off[3]
			for range n {
				if cond[c] != 0 {
					dst[d] = x[u]
				} else {
					dst[d] = y[v]
				}
				d, c, u, v = d+dk, c+ck, u+xk, v+yk
			}
		})
	})
}
