package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

var _ backend.LSTMer = (*Backend)(nil)

// LSTM runs a sequence: one product of all inputs, then the steps.
func (b *Backend) LSTM(c *backend.LSTMCall) {
	if isFloat32("LSTM", c.X) {
		lstmForward[float32](b, c)
	} else {
		lstmForward[float64](b, c)
	}
}

// lstm are the sizes and elements of an LSTMCall.
type lstm[T float] struct {
	b     *Backend
	v     *vector[T]
	steps int // T
	batch int // B
	in    int // I
	size  int // H

	x, y, cells []T         // (T, B, I), (T, B, H), (T, B, H)
	gates       []T         // (T, B, 4H)
	h0, c0      []T         // (B, H)
	w           resident[T] // what each step multiplies by
}

func newLSTM[T float](b *Backend, c *backend.LSTMCall) *lstm[T] {
	l := &lstm[T]{b: b, v: vectors[T](), steps: c.X.Shape[0], batch: c.X.Shape[1], in: c.X.Shape[2], size: c.H0.Shape[1]}
	l.x, l.y, l.cells, l.gates = slice[T](c.X), slice[T](c.Y), slice[T](c.Cells), slice[T](c.Gates)
	l.h0, l.c0 = slice[T](c.H0), slice[T](c.C0)
	return l
}

func lstmForward[T float](b *Backend, c *backend.LSTMCall) {
	l := newLSTM[T](b, c)
	n := l.batch * l.size
	bias := scratch[T](b, 4*l.size)
	defer release(b, bias)
	l.v.add(bias, slice[T](c.Bih)[:4*l.size], slice[T](c.Bhh)[:4*l.size])
	rows := l.steps * l.batch
	mulWeights(b, b.pool, dense(l.gates, rows, 4*l.size), dense(l.x, rows, l.in), weightsOf[T]("LSTM", c.Wih).transpose(), false)

	l.w = hold(b, weightsOf[T]("LSTM", c.Whh).transpose(), l.steps)
	defer l.w.drop()
	l.eachPart(func(part *lstmPart[T]) {
		part.bias = bias
		part.forward()
	})
	h, cell := l.h0, l.c0
	if l.steps > 0 {
		h, cell = l.y[(l.steps-1)*n:], l.cells[(l.steps-1)*n:]
	}
	copy(slice[T](c.HN)[:n], h)
	copy(slice[T](c.CN)[:n], cell)
}

// lstmPart runs all steps of samples lo to hi.
type lstmPart[T float] struct {
	*lstm[T]
	p      *pool.Pool
	lo, hi int
	tasks  int // into which the rows of a step are cut
	t      int // the step under way

	bias       []T // of the forward pass
	dh, dc, dy []T // of the backward pass; dy may be nil
}

// The least that pays for another worker: elements of a step's gates, and rows
// of a part of the batch.
const (
	lstmGatesGrain = 1 << 10
	lstmPartRows   = 8
)

// eachPart cuts the batch into parts that run all their steps without waiting
// for one another, if each part keeps enough rows for the product to run at its
// full rate; else the whole batch is one part whose steps use the pool. Only
// with a packed factor is a row of a product the same bits whatever rows are
// beside it.
func (l *lstm[T]) eachPart(f func(part *lstmPart[T])) {
	parts := l.b.pool.Workers()
	if parts == 1 || l.w.packed == nil || l.batch < parts*lstmPartRows {
		tasks := max(1, min(parts, l.batch, l.batch*l.size/lstmGatesGrain))
		f(&lstmPart[T]{lstm: l, p: l.b.pool, hi: l.batch, tasks: tasks})
		return
	}
	l.b.pool.Do(parts, func(i int) {
		f(&lstmPart[T]{lstm: l, lo: i * l.batch / parts, hi: (i + 1) * l.batch / parts, tasks: 1})
	})
}

func (l *lstmPart[T]) forward() {
	gates := l.gateRows
	for l.t = range l.steps {
		h := dense(l.before(l.y, l.h0), l.batch, l.size)
		l.w.mul(l.b, l.p, l.step().band(l.lo, l.hi), h.band(l.lo, l.hi), true)
		l.p.Do(l.tasks, gates)
	}
}

// step is the gates (B, 4H) of the step under way.
func (l *lstmPart[T]) step() matrix[T] {
	return dense(l.lstm.gates[l.t*l.batch*4*l.size:], l.batch, 4*l.size)
}

// before is the state (B, H) before the step under way.
func (l *lstmPart[T]) before(states, first []T) []T {
	if l.t == 0 {
		return first
	}
	return states[(l.t-1)*l.batch*l.size:]
}

// rows is a task's share of the samples.
func (l *lstmPart[T]) rows(task int) (lo, hi int) {
	n := l.hi - l.lo
	return l.lo + task*n/l.tasks, l.lo + (task+1)*n/l.tasks
}

// gateRows ends the step for the rows of a task.
func (l *lstmPart[T]) gateRows(task int) {
	n, gates, c := l.size, l.step(), l.before(l.cells, l.c0)
	lo, hi := l.rows(task)
	for i := lo; i < hi; i++ {
		row, out := gates.row(i), (l.t*l.batch+i)*n
		l.v.add(row, row, l.bias)
		l.v.lstmGates(row, c[i*n:(i+1)*n], l.cells[out:out+n], l.y[out:out+n])
	}
}
