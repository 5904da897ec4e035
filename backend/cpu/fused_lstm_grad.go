package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// LSTMGrad runs the steps backwards, turning Gates into the gradients of the
// pre-activations; the gradients of the weights are one product each of all
// steps after that.
func (b *Backend) LSTMGrad(c *backend.LSTMCall, g *backend.LSTMGrads) {
	if isFloat32("LSTMGrad", c.X) {
		lstmBackward[float32](b, c, g)
	} else {
		lstmBackward[float64](b, c, g)
	}
}

func lstmBackward[T float](b *Backend, c *backend.LSTMCall, g *backend.LSTMGrads) {
	l := newLSTM[T](b, c)
	n := l.batch * l.size
	space := newArena[T](b, 2*n)
	defer release(b, space.all)
	dh, dc := space.take(n), space.take(n)
	start(dh, g.DHN)
	start(dc, g.DCN)

	l.w = hold(b, weightsOf[T]("LSTM", c.Whh), l.steps)
	l.eachPart(func(part *lstmPart[T]) {
		part.dh, part.dc = dh, dc
		if g.DY != nil {
			part.dy = slice[T](g.DY)
		}
		part.backward(g.DH0 != nil)
	})
	l.w.drop()
	if g.DH0 != nil {
		copy(slice[T](g.DH0), dh)
	}
	if g.DC0 != nil {
		copy(slice[T](g.DC0), dc)
	}
	l.operands(c, g)
}

// start copies a gradient that may be absent.
func start[T float](dst []T, t *tensor.Tensor) {
	if t == nil {
		clear(dst)
		return
	}
	copy(dst, slice[T](t))
}

// backward takes dh and dc from after the last step to before the first; the
// last product serves dh of the initial state alone.
func (l *lstmPart[T]) backward(initial bool) {
	gates := l.gateRowsGrad
	for l.t = l.steps - 1; l.t >= 0; l.t-- {
		l.p.Do(l.tasks, gates)
		if l.t > 0 || initial {
			l.w.mul(l.b, l.p, dense(l.dh, l.batch, l.size).band(l.lo, l.hi), l.step().band(l.lo, l.hi), false)
		}
	}
}

// gateRowsGrad turns the gates of a task's rows into their gradients.
func (l *lstmPart[T]) gateRowsGrad(task int) {
	n, gates, cPrev := l.size, l.step(), l.before(l.cells, l.c0)
	lo, hi := l.rows(task)
	for i := lo; i < hi; i++ {
		at := (l.t*l.batch + i) * n
		dh := l.dh[i*n : (i+1)*n]
		if l.dy != nil {
			l.v.add(dh, dh, l.dy[at:at+n])
		}
		l.v.lstmGatesGrad(gates.row(i), cPrev[i*n:(i+1)*n], l.cells[at:at+n], dh, l.dc[i*n:(i+1)*n])
	}
}

// operands writes the gradients that are products of those in Gates.
func (l *lstm[T]) operands(c *backend.LSTMCall, g *backend.LSTMGrads) {
	rows := l.steps * l.batch
	dz := dense(l.gates, rows, 4*l.size)
	if g.DX != nil {
		mulWeights(l.b, l.b.pool, dense(slice[T](g.DX), rows, l.in), dz, weightsOf[T]("LSTM", c.Wih), false)
	}
	if g.DWih != nil {
		mul(l.b, dense(slice[T](g.DWih), 4*l.size, l.in), dz.transpose(), dense(l.x, rows, l.in), false)
	}
	if g.DWhh != nil {
		l.recurrentWeights(dense(slice[T](g.DWhh), 4*l.size, l.size), dz)
	}
	if g.DBias != nil {
		l.biases(slice[T](g.DBias)[:4*l.size], dz)
	}
}

// recurrentWeights is the sum over all steps of dz times the hidden state
// before the step: H0 for the first, rows of Y for the others.
func (l *lstm[T]) recurrentWeights(dw, dz matrix[T]) {
	first := min(l.batch, dz.rows)
	mul(l.b, dw, dz.band(0, first).transpose(), dense(l.h0, first, l.size), false)
	rest := dz.rows - first
	mul(l.b, dw, dz.band(first, dz.rows).transpose(), dense(l.y, rest, l.size), true)
}

// biases sums the rows of dz.
func (l *lstm[T]) biases(db []T, dz matrix[T]) {
	l.b.pool.For(dz.cols, 64, func(lo, hi int) {
		sum := db[lo:hi]
		clear(sum)
		for i := range dz.rows {
			l.v.add(sum, sum, dz.data[i*dz.rs+lo:i*dz.rs+hi])
		}
	})
}
