package shalm

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// rest is what a batch remembers, off any tape.
type rest struct {
	model *sharnn.Model
	batch int
	read  int // positions
	rows  int // of them, those that memories hold
	cells []cell
}

// cell is a block's share.
type cell struct {
	h, c    *tensor.Tensor // (B, H)
	memory  *tensor.Tensor // (capacity, B, H); nil while empty
	start   int            // of the rows in memory
	attends bool
}

// held is how many of n rows the memories keep.
func (r *rest) held(n int) int {
	for _, c := range r.cells {
		if c.attends {
			return min(n, r.model.Config.Memory)
		}
	}
	return 0
}

// view shows some of a block's rows (to-from, B, H).
func (r *rest) view(block, from, to int) *tensor.Tensor {
	c := &r.cells[block]
	if c.memory == nil {
		r.reserve(nil, block, 0, 1)
	}
	return c.memory.Slice(0, c.start+from, c.start+to)
}

// add writes the rows of steps behind a block's others, which stay where they
// are: the tape may still read them.
func (r *rest) add(t *autograd.Tape, block int, steps []step) {
	at := r.rows
	for _, p := range steps {
		own := p.carry[block].Memory[0].Value
		r.reserve(t, block, at, at+own.Dim(0))
		r.model.Backend.Copy(r.view(block, at, at+own.Dim(0)), own)
		at += own.Dim(0)
	}
}

// leastRows is the room that a memory starts with.
const leastRows = 32

// reserve makes room for n rows, to which it moves those in use: half as many
// again, so that a row is moved twice on average. The old room is left to the
// tape.
func (r *rest) reserve(t *autograd.Tape, block, used, n int) {
	c, b := &r.cells[block], r.model.Backend
	if c.memory != nil && c.start+n <= c.memory.Dim(0) {
		return
	}
	room := backend.New(b, r.model.DType.Compute(), max(leastRows, n+n/2), r.batch, r.model.Config.Width)
	if c.memory != nil {
		b.Copy(room.Slice(0, 0, used), c.memory.Slice(0, c.start, c.start+used))
		t.Own(c.memory)
	}
	c.memory, c.start = room, 0
}
