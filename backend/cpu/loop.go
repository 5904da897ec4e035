package cpu

import (
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

const maxOperands = loop.MaxOperands

// Elements that are worth a task of their own: about 5 us of arithmetic at the
// memory's pace, or of calls of package math.
const (
	grain     = 16384
	slowGrain = 1024
)

// loop takes an empty loop from the spare ones; the kernel gives it back with
// done when its work is over, so that kernels leave nothing to the collector.
func (b *Backend) loop(operands int) *loop.Loop {
	l := b.loops.GetOrNew()
	l.Reset(operands)
	return l
}

func (b *Backend) done(l *loop.Loop) { b.loops.Put(l) }

// elementwise is a loop over shape, to which every operand broadcasts.
func (b *Backend) elementwise(shape []int, ts ...*tensor.Tensor) *loop.Loop {
	l := b.loops.GetOrNew()
	l.Elementwise(shape, ts...)
	return l
}
