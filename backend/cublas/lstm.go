//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.LSTMer = (*Backend)(nil)

// lstmRoute is a way to compute an LSTM.
type lstmRoute string

const (
	stepLSTM       lstmRoute = "steps"      // a product and a kernel for each step
	cudnnLSTM      lstmRoute = "cudnn"      // cuDNN's
	persistentLSTM lstmRoute = "persistent" // one kernel for all steps
)

// lstms is what the routes keep.
type lstms struct {
	forced  lstmRoute            // by a test, where it is not empty
	units   []int                // that a persistent block may have
	warps   int                  // of a persistent block, that multiply
	choices map[string]lstmRoute // by the work's name
	plans   map[planKey]plan
	rnns    map[rnnKey]*rnn
	wide    bool // cuDNN's LSTM is to be of float32
}

// usualLSTMs is what suits GPUs; tests lay small sequences out as if they were
// large ones.
var usualLSTMs = lstms{units: []int{8, 16}, warps: 8}

// lstm is a call with its sizes: T, B, I and H.
type lstm struct {
	b                      *Backend
	c                      *backend.LSTMCall
	steps, batch, in, size int
}

func (b *Backend) newLSTM(op string, c *backend.LSTMCall) *lstm {
	l := &lstm{b, c, c.X.Shape[0], c.X.Shape[1], c.X.Shape[2], c.H0.Shape[1]}
	d := c.X.DType
	if l.steps < 1 {
		tensor.Panicf(op, []*tensor.Tensor{c.X}, "no steps")
	}
	if d != tensor.Float32 && d != tensor.Float64 || c.Gates.DType != d && !(d == tensor.Float32 && c.Gates.DType == tensor.BFloat16) {
		tensor.Panicf(op, []*tensor.Tensor{c.X, c.Gates}, "no kernel for %v with gates of %v", d, c.Gates.DType)
	}
	return l
}

// stored tells whether weights are only stored, beside operands of another type.
func (l *lstm) stored() bool {
	return l.c.Wih.DType != l.c.X.DType || l.c.Whh.DType != l.c.X.DType
}

// LSTM runs a sequence. Where cuDNN does, Gates and Cells stay as they are: what
// the backward pass needs lies in memory of cuDNN's form, as long as Gates do.
func (b *Backend) LSTM(c *backend.LSTMCall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.newLSTM("LSTM", c)
	route := l.choose()
	if l.forward(route) != route {
		l.remember(stepLSTM)
	}
}

// forward computes by a route, or where the device turns out to lack it by steps;
// it returns the one taken.
func (l *lstm) forward(route lstmRoute) lstmRoute {
	gates := l.b.storage(l.c.Gates)
	l.b.release(gates.attached)
	gates.attached = scratch{}
	switch {
	case route == cudnnLSTM && l.forwardCUDNN():
	case route == persistentLSTM && l.forwardPersistent():
	default:
		route = stepLSTM
		l.forwardSteps()
	}
	gates.lstm = route
	return route
}

// LSTMGrad takes the route that LSTM took with the same Gates.
func (b *Backend) LSTMGrad(c *backend.LSTMCall, g *backend.LSTMGrads) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.newLSTM("LSTMGrad", c).backward(g)
}

func (l *lstm) backward(g *backend.LSTMGrads) {
	route := l.b.storage(l.c.Gates).lstm
	if route == cudnnLSTM {
		if !l.backwardCUDNN(g) {
			l.afresh(g)
		}
		return
	}
	if route != persistentLSTM || !l.backwardPersistent(g) {
		l.backwardSteps(g)
	}
	l.operandGrads(g)
}

// afresh is the backward pass where cuDNN turned out to lack it: both passes by
// another way. The forward one's results, which the caller has, go to working
// memory.
func (l *lstm) afresh(g *backend.LSTMGrads) {
	b, c := l.b, *l.c
	mem := b.scratch(c.X.DType.Bytes((l.steps + 2) * l.batch * l.size))
	defer b.release(mem)
	all := b.view(mem, c.X.DType, l.steps+2, l.batch, l.size)
	state := func(i int) *tensor.Tensor { return all.Slice(0, i, i+1).Reshape(l.batch, l.size) }
	c.Y, c.HN, c.CN = all.Slice(0, 0, l.steps), state(l.steps), state(l.steps+1)
	again := &lstm{b, &c, l.steps, l.batch, l.in, l.size}
	again.forward(cudnnLSTM) // of float32, where bfloat16 was lacking
	again.backward(g)
}

// operandGrads are the gradients that are products of those in Gates.
func (l *lstm) operandGrads(g *backend.LSTMGrads) {
	b, c := l.b, l.c
	dz := lstmRows(c.Gates)
	if g.DX != nil {
		b.matMul(lstmRows(g.DX), dz, c.Wih, false)
	}
	if g.DWih != nil {
		b.matMul(g.DWih, dz.Transpose(), lstmRows(c.X), false)
	}
	if g.DWhh != nil {
		l.recurrentGrad(g.DWhh, dz)
	}
	if g.DBias != nil {
		b.columnSum(g.DBias, dz, false)
	}
}

// recurrentGrad is the sum over all steps of dz times the state before the step:
// H0 for the first, Y for the others.
func (l *lstm) recurrentGrad(dw, dz *tensor.Tensor) {
	b, c, n := l.b, l.c, l.steps*l.batch
	later := lstmRows(c.Y).Slice(0, 0, n-l.batch)
	if b.precision != backend.BF16 || c.X.DType != tensor.Float32 {
		b.matMul(dw, dz.Slice(0, 0, l.batch).Transpose(), c.H0, false)
		if l.steps > 1 {
			b.matMul(dw, dz.Slice(0, l.batch, n).Transpose(), later, true)
		}
		return
	}
	// The states are rounded into one matrix, for one product.
	mem := b.scratch(tensor.BFloat16.Bytes(n * l.size))
	defer b.release(mem)
	before := b.view(mem, tensor.BFloat16, n, l.size)
	b.copy(before.Slice(0, 0, l.batch), c.H0)
	b.copy(before.Slice(0, l.batch, n), later)
	b.matMul(dw, dz.Transpose(), before, false)
}

// lstmRows shows (T, B, N) as (T*B, N).
func lstmRows(t *tensor.Tensor) *tensor.Tensor {
	return t.Reshape(t.Shape[0]*t.Shape[1], t.Shape[2])
}

// closeLSTMs destroys what cuDNN keeps.
func (b *Backend) closeLSTMs() {
	for _, r := range b.lstms.rnns {
		if r != nil {
			r.Close()
		}
	}
	b.lstms.rnns = nil
}
