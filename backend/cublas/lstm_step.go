//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// gateKernels are kernels of a step by the type in which gates are kept.
type gateKernels map[tensor.DType]kernel

func newGateKernels(name string) gateKernels {
	k := gateKernels{}
	for d, suffix := range map[tensor.DType]string{tensor.Float32: "_f32", tensor.Float64: "_f64", tensor.BFloat16: "_bf16"} {
		k[d] = kernel{file: "lstm", name: name + suffix}
	}
	return k
}

var (
	lstmGates     = newGateKernels("lstm_gates")
	lstmGatesGrad = newGateKernels("lstm_gates_grad")
)

// step is where a step's part of a tensor (T, B, N) begins.
func (l *lstm) step(t *tensor.Tensor, i int) cuda.Ptr {
	return l.b.at(t) + cuda.Ptr(t.DType.Bytes(i*t.Shape[1]*t.Shape[2]))
}

// recurrent are the weights of the state, rounded once where all steps' products
// would round them.
func (l *lstm) recurrent() (*tensor.Tensor, scratch) {
	if l.b.precision == backend.BF16 && l.c.Whh.DType == tensor.Float32 && l.steps > 1 {
		return l.b.narrowed(l.c.Whh)
	}
	return l.c.Whh, scratch{}
}

// forwardSteps computes the products of all inputs, and then for each step that of
// the state and what is elementwise. A single step adds both products up instead,
// before Gates are written.
func (l *lstm) forwardSteps() {
	b, c, d := l.b, l.c, l.c.X.DType
	whh, mem := l.recurrent()
	defer b.release(mem)
	work := b.scratch(d.Bytes(l.batch * 4 * l.size))
	defer b.release(work)
	z := b.view(work, d, l.batch, 4*l.size)
	many := l.steps > 1
	if many {
		b.matMul(lstmRows(c.Gates), lstmRows(c.X), c.Wih.Transpose(), false)
	} else {
		b.matMul(z, lstmRows(c.X), c.Wih.Transpose(), false)
	}
	h, w := c.H0, whh.Transpose()
	next := lstmRows(c.Y).Slice(0, 0, l.batch) // what the next step multiplies
	stride := l.batch * l.size
	var narrow scratch
	if b.precision == backend.BF16 && whh.DType == tensor.BFloat16 {
		narrow = b.scratch(2 * l.batch * l.size)
		defer b.release(narrow)
		next, stride = b.view(narrow, tensor.BFloat16, l.batch, l.size), 0
	}
	for t := range l.steps {
		b.matMul(z, h, w, !many)
		l.gates(t, work.at, many, narrow.at)
		if t > 0 {
			next.Offset += stride
		}
		h = next
	}
}

// gates ends step t.
func (l *lstm) gates(t int, z cuda.Ptr, inputs bool, narrow cuda.Ptr) {
	b, c := l.b, l.c
	before, cn, hn := b.at(c.C0), cuda.Ptr(0), cuda.Ptr(0)
	if t > 0 {
		before = l.step(c.Cells, t-1)
	}
	if t == l.steps-1 {
		cn, hn = b.at(c.CN), b.at(c.HN)
	}
	n, k := l.batch*l.size, lstmGates[c.Gates.DType]
	launch := b.begin(k, b.spread(n), threads, 0)
	b.run(k, launch.Words(
		uint64(l.step(c.Gates, t)), uint64(z), uint64(truth(inputs)), uint64(b.at(c.Bih)), uint64(b.at(c.Bhh)),
		uint64(before), uint64(l.step(c.Cells, t)), uint64(l.step(c.Y, t)), uint64(cn), uint64(hn),
		uint64(narrow), uint64(n), uint64(l.size)))
}

// backwardSteps turns Gates into the gradients of what activations were computed
// from, from the last step to the first.
func (l *lstm) backwardSteps(g *backend.LSTMGrads) {
	b, c, d := l.b, l.c, l.c.X.DType
	whh, mem := l.recurrent()
	defer b.release(mem)
	work := b.scratch(2 * d.Bytes(l.batch*l.size))
	defer b.release(work)
	dhAt, dcAt := work.at, work.at+cuda.Ptr(work.bytes/2)
	dh := b.view(work, d, l.batch, l.size)
	dz := lstmRows(c.Gates).Slice(0, (l.steps-1)*l.batch, l.steps*l.batch)
	laterH, laterC := b.pointer(g.DHN), b.pointer(g.DCN)
	for t := l.steps - 1; t > 0; t-- {
		l.gatesGrad(t, g.DY, laterH, laterC, dcAt)
		b.matMul(dh, dz, whh, false)
		laterH, laterC = dhAt, dcAt
		dz.Offset -= l.batch * 4 * l.size
	}
	l.gatesGrad(0, g.DY, laterH, laterC, b.pointer(g.DC0))
	if g.DH0 != nil {
		b.matMul(g.DH0, dz, whh, false)
	}
}

// gatesGrad begins step t, with the gradients of its h and c from later steps.
func (l *lstm) gatesGrad(t int, dy *tensor.Tensor, dh, dc, before cuda.Ptr) {
	b, c := l.b, l.c
	cell, dyAt := b.at(c.C0), cuda.Ptr(0)
	if t > 0 {
		cell = l.step(c.Cells, t-1)
	}
	if dy != nil {
		dyAt = l.step(dy, t)
	}
	n, k := l.batch*l.size, lstmGatesGrad[c.Gates.DType]
	launch := b.begin(k, b.spread(n), threads, 0)
	b.run(k, launch.Words(
		uint64(l.step(c.Gates, t)), uint64(cell), uint64(l.step(c.Cells, t)), uint64(dyAt),
		uint64(dh), uint64(dc), uint64(before), uint64(n), uint64(l.size)))
}
