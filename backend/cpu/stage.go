package cpu

import "github.com/tiller-ml/tiller/backend/internal/loop"

// tileLen is the length of the runs in which scattered elements are brought
// together: a few tiles stay in the first-level cache.
const tileLen = 1024

// stage shows the runs of one operand of a loop as dense slices: the elements
// themselves where they are dense, else a tile.
type stage[T number] struct {
	data   []T
	stride int
	tile   []T
	at, n  int // what the tile holds of a repeated element
}

func newStage[T number](b *Backend, data []T, l *loop.Loop, operand int) stage[T] {
	s := stage[T]{data: data, stride: l.Inner(operand)}
	if s.stride != 1 {
		s.tile = scratch[T](b, min(tileLen, l.Run()))
	}
	return s
}

// load is the run of n elements from off, for reading.
func (s *stage[T]) load(off, n int) []T {
	switch s.stride {
	case 1:
		return s.data[off : off+n]
	case 0:
		if s.n < n || s.at != off {
			s.at, s.n = off, n
			fill(s.tile[:n], s.data[off])
		}
	default:
		gather(s.tile[:n], s.data[off:], s.stride)
	}
	return s.tile[:n]
}

// room is where the run of n elements from off is to be written.
func (s *stage[T]) room(off, n int) []T {
	if s.stride == 1 {
		return s.data[off : off+n]
	}
	return s.tile[:n]
}

// store ends what room began.
func (s *stage[T]) store(off, n int) {
	if s.stride != 1 {
		scatter(s.data[off:], s.tile[:n], s.stride)
	}
}

func fill[T number](dst []T, v T) {
	head := dst[:min(len(dst), 256)]
	for i := range head {
		head[i] = v
	}
	for i := len(head); i < len(dst); i += len(head) {
		copy(dst[i:], head)
	}
}

// gather is dst[i] = src[i*stride].
func gather[T number](dst, src []T, stride int) {
	at := 0
	for i := range dst {
		dst[i] = src[at]
		at += stride
	}
}

// scatter is dst[i*stride] = src[i].
func scatter[T number](dst, src []T, stride int) {
	at := 0
	for _, v := range src {
		dst[at] = v
		at += stride
	}
}

// map1 is dst = f(x) over a loop with the operands dst and x. What is one task
// runs without a closure, which would be left to the collector.
func map1[D, T number](b *Backend, l *loop.Loop, grain int, dst []D, x []T, f func(dst []D, x []T)) {
	if l.Size < 2*grain {
		map1Part(b, l, dst, x, f, 0, l.Size)
		return
	}
	b.pool.For(l.Size, grain, func(lo, hi int) { map1Part(b, l, dst, x, f, lo, hi) })
}

func map1Part[D, T number](b *Backend, l *loop.Loop, dst []D, x []T, f func(dst []D, x []T), lo, hi int) {
	d, u := newStage(b, dst, l, 0), newStage(b, x, l, 1)
	if d.tile == nil && u.tile == nil && l.Rank == 1 {
		if lo < hi {
			f(d.data[lo:hi], u.data[lo:hi])
		}
		return
	}
	limit := tileLen
	if d.tile == nil && u.tile == nil {
		limit = hi - lo
	}
	l.Runs(lo, hi, limit, func(off [maxOperands]int, n int) {
		f(d.room(off[0], n), u.load(off[1], n))
		d.store(off[0], n)
	})
	release(b, d.tile)
	release(b, u.tile)
}

// map2 is dst = f(x, y) over a loop with the operands dst, x and y.
func map2[D, T number](b *Backend, l *loop.Loop, grain int, dst []D, x, y []T, f func(dst []D, x, y []T)) {
	if l.Size < 2*grain {
		map2Part(b, l, dst, x, y, f, 0, l.Size)
		return
	}
	b.pool.For(l.Size, grain, func(lo, hi int) { map2Part(b, l, dst, x, y, f, lo, hi) })
}

func map2Part[D, T number](b *Backend, l *loop.Loop, dst []D, x, y []T, f func(dst []D, x, y []T), lo, hi int) {
	d, u, v := newStage(b, dst, l, 0), newStage(b, x, l, 1), newStage(b, y, l, 2)
	if d.tile == nil && u.tile == nil && v.tile == nil && l.Rank == 1 {
		if lo < hi {
			f(d.data[lo:hi], u.data[lo:hi], v.data[lo:hi])
		}
		return
	}
	limit := tileLen
	if d.tile == nil && u.tile == nil && v.tile == nil {
		limit = hi - lo
	}
	l.Runs(lo, hi, limit, func(off [maxOperands]int, n int) {
		f(d.room(off[0], n), u.load(off[1], n), v.load(off[2], n))
		d.store(off[0], n)
	})
	release(b, d.tile)
	release(b, u.tile)
	release(b, v.tile)
}
