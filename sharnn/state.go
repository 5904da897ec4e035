package sharnn

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// State is what a model remembers between segments: per block the LSTM's h and
// c, and for those that attend a memory of past rows. It is detached: no
// gradient passes from one segment to the one before. A State belongs to one
// model, one batch size, and one goroutine.
type State struct {
	model *Model
	batch int
	cells []cell
}

type cell struct {
	h, c   *tensor.Tensor // (B, H); nil: zeros
	memory *memory        // nil without attention
}

// NewState starts a batch of sequences afresh.
func (m *Model) NewState(batch int) *State {
	s := &State{model: m, batch: batch, cells: make([]cell, len(m.Blocks))}
	for i, l := range m.Blocks {
		if l.Attn != nil && m.Config.Memory > 0 {
			s.cells[i].memory = &memory{}
		}
	}
	return s
}

// Carry puts the state on a tape, as [Model.Run] takes it, for a segment of
// length T: memories are cut to what such a segment may see.
func (s *State) Carry(t *autograd.Tape, segment int) []Carry {
	carry := make([]Carry, len(s.cells))
	for i, c := range s.cells {
		if c.h != nil {
			carry[i].H, carry[i].C = t.Leaf(c.h), t.Leaf(c.c)
		}
		if c.memory == nil {
			continue
		}
		c.memory.trim(s.model.Config.KeepBefore(c.memory.rows, segment))
		for _, piece := range c.memory.pieces() {
			carry[i].Memory = append(carry[i].Memory, t.Leaf(piece))
		}
	}
	return carry
}

// Advance takes over what a segment carried on. Call it before [autograd.Tape.Grad]
// or Free: it takes values off the tape. Tensors that an earlier Carry put on
// this tape are read until the backward pass is over, so the old h and c are
// handed to the tape, which frees them.
func (s *State) Advance(carry []Carry) {
	for i := range s.cells {
		c, next := &s.cells[i], carry[i]
		t := next.H.Tape()
		if c.h != nil {
			t.Own(c.h)
			t.Own(c.c)
		}
		c.h, c.c = autograd.Keep(next.H), autograd.Keep(next.C)
		if c.memory != nil {
			c.memory.add(s.model.Backend, t, next.Memory[0].Value, s.model.Config.Memory)
		}
	}
}

// MemoryRows is how many past positions the memory of a block holds.
func (s *State) MemoryRows(block int) int {
	if m := s.cells[block].memory; m != nil {
		return m.rows
	}
	return 0
}

// Reset forgets everything.
func (s *State) Reset() {
	s.Free()
	*s = *s.model.NewState(s.batch)
}

// Free gives the state's tensors back.
func (s *State) Free() {
	for i := range s.cells {
		c := &s.cells[i]
		backend.Release(s.model.Backend, c.h, c.c)
		if c.memory != nil {
			backend.Release(s.model.Backend, c.memory.ring)
			*c.memory = memory{}
		}
		c.h, c.c = nil, nil
	}
}

// memory holds past rows in a ring, so that a segment's rows are written once
// and none are moved: row r of the past lies at (start+r) mod capacity.
type memory struct {
	ring        *tensor.Tensor // (capacity, B, H)
	start, rows int
}

// trim keeps the newest n rows.
func (m *memory) trim(n int) {
	if n < m.rows {
		m.start = (m.start + m.rows - n) % m.ring.Shape[0]
		m.rows = n
	}
}

// pieces are the rows in order, as at most two views.
func (m *memory) pieces() []*tensor.Tensor {
	if m.rows == 0 {
		return nil
	}
	capacity := m.ring.Shape[0]
	end := m.start + m.rows
	if end <= capacity {
		return []*tensor.Tensor{m.ring.Slice(0, m.start, end)}
	}
	return []*tensor.Tensor{m.ring.Slice(0, m.start, capacity), m.ring.Slice(0, 0, end-capacity)}
}

// add appends the rows (T, B, H) of a segment on tape t and keeps the newest
// limit. Rows that the segment could see are not overwritten: its backward pass
// still reads them.
func (m *memory) add(b backend.Backend, t *autograd.Tape, own *tensor.Tensor, limit int) {
	m.reserve(b, t, m.rows+own.Shape[0], limit, own)
	capacity := m.ring.Shape[0]
	for done := 0; done < own.Shape[0]; {
		at := (m.start + m.rows) % capacity
		n := min(own.Shape[0]-done, capacity-at)
		b.Copy(m.ring.Slice(0, at, at+n), own.Slice(0, done, done+n))
		m.rows += n
		done += n
	}
	m.trim(limit)
}

// reserve makes room for n rows. A first segment gets what it needs, a second
// one the whole limit: growing by steps would hold two rings at a time, half of
// the peak of a training run. The old ring is left to the tape.
func (m *memory) reserve(b backend.Backend, t *autograd.Tape, n, limit int, like *tensor.Tensor) {
	if m.ring != nil && n <= m.ring.Shape[0] {
		return
	}
	capacity := n
	if m.ring != nil {
		capacity = max(n, limit)
	}
	ring := backend.New(b, like.DType, capacity, like.Shape[1], like.Shape[2])
	at := 0
	for _, piece := range m.pieces() {
		b.Copy(ring.Slice(0, at, at+piece.Shape[0]), piece)
		at += piece.Shape[0]
	}
	if m.ring != nil {
		t.Own(m.ring)
	}
	m.ring, m.start = ring, 0
}
