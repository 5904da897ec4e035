package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Boomer = (*Backend)(nil)

// boomBlock is how many rows make a task: their activations stay in the
// second-level cache from the product to the sum of chunks.
const boomBlock = 64

// Boom: u = x w^T + bias, y = the sum of the H-wide chunks of drop(GELU(u)).
func (b *Backend) Boom(y, u, x, w, bias *tensor.Tensor, d backend.Dropout) {
	if isFloat32("Boom", x) {
		boomForward[float32](b, y, u, x, w, bias, d)
	} else {
		boomForward[float64](b, y, u, x, w, bias, d)
	}
}

// boom are the sizes of a Boom layer.
type boom[T float] struct {
	b     *Backend
	v     *vector[T]
	rows  int // N
	width int // H
	inner int // F
	used  int // columns of whole chunks
	drop  multiplier[T]
}

func newBoom[T float](b *Backend, y, u *tensor.Tensor, d backend.Dropout) *boom[T] {
	m := &boom[T]{b: b, v: vectors[T](), rows: y.Shape[0], width: y.Shape[1], inner: u.Shape[1], drop: newMultiplier[T](d)}
	m.used = m.inner / max(1, m.width) * m.width
	return m
}

func boomForward[T float](b *Backend, y, u, x, w, bias *tensor.Tensor, d backend.Dropout) {
	m := newBoom[T](b, y, u, d)
	us := dense(slice[T](u), m.rows, m.inner)
	ys := dense(slice[T](y), m.rows, m.width)
	xs := dense(slice[T](x), m.rows, x.Shape[1])
	wt := weightsOf[T]("Boom", w).transpose()
	bs := slice[T](bias)[:m.inner]
	if m.rows <= boomBlock || wt.stored.Format != 0 {
		mulWeights(b, b.pool, us, xs, wt, false)
		m.eachRow(func(i int, tmp []T) { m.forward(i, ys.row(i), us.row(i), bs, tmp) })
		return
	}
	packed := hold(b, wt, m.rows)
	defer packed.drop()
	blocks := (m.rows + boomBlock - 1) / boomBlock
	b.pool.Do(blocks, func(block int) {
		lo, hi := block*boomBlock, min(m.rows, (block+1)*boomBlock)
		packed.mul(b, nil, us.band(lo, hi), xs.band(lo, hi), false)
		tmp := scratch[T](b, 2*m.inner)
		defer release(b, tmp)
		for i := lo; i < hi; i++ {
			m.forward(i, ys.row(i), us.row(i), bs, tmp)
		}
	})
}

// eachRow runs f for all rows with room for two rows of activations.
func (m *boom[T]) eachRow(f func(i int, tmp []T)) {
	m.b.pool.For(m.rows, max(1, rowGrain/max(1, m.inner)), func(lo, hi int) {
		tmp := scratch[T](m.b, 2*m.inner)
		defer release(m.b, tmp)
		for i := lo; i < hi; i++ {
			f(i, tmp)
		}
	})
}

// forward ends row i of u with the bias and sums up its activations.
func (m *boom[T]) forward(i int, y, u, bias, tmp []T) {
	m.v.add(u, u, bias)
	act := tmp[:m.used]
	m.v.gelu(act, u[:m.used])
	if m.drop.on {
		drawn := tmp[m.inner : m.inner+m.used]
		m.drop.draw(drawn, i*m.inner)
		m.v.mul(act, act, drawn)
	}
	clear(y)
	for at := 0; at < m.used; at += m.width {
		m.v.add(y, y, act[at:at+m.width])
	}
}

// BoomGrad writes the gradient of u; du may be u.
func (b *Backend) BoomGrad(du, u, dy *tensor.Tensor, d backend.Dropout) {
	if isFloat32("BoomGrad", u) {
		boomBackward[float32](b, du, u, dy, d)
	} else {
		boomBackward[float64](b, du, u, dy, d)
	}
}

func boomBackward[T float](b *Backend, du, u, dy *tensor.Tensor, d backend.Dropout) {
	m := newBoom[T](b, dy, u, d)
	dus, us := dense(slice[T](du), m.rows, m.inner), dense(slice[T](u), m.rows, m.inner)
	dys := dense(slice[T](dy), m.rows, m.width)
	m.eachRow(func(i int, tmp []T) {
		dact, dy := tmp[:m.used], dys.row(i)
		for at := 0; at < m.used; at += m.width {
			copy(dact[at:], dy)
		}
		if m.drop.on {
			drawn := tmp[m.inner : m.inner+m.used]
			m.drop.draw(drawn, i*m.inner)
			m.v.mul(dact, dact, drawn)
		}
		row := dus.row(i)
		m.v.geluGrad(row[:m.used], us.row(i)[:m.used], dact)
		clear(row[m.used:])
	})
}
