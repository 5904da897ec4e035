package shalm

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// state is a [pplm.State]: tensors at rest, of which some may be replaced on a
// tape, and what Steps read after them on the tape. All states that come of one
// Start share what is at rest; the newest that was kept owns it.
type state struct {
	rest *rest
	read int // positions, those on the tape included

	from, to int               // the rows that moved replaces
	moved    [][]*autograd.Var // by block, as Moving; nil: none
	steps    []step            // on the tape
}

// step is what one Step left on the tape.
type step struct {
	length int
	carry  []sharnn.Carry // by block; the step's own rows as Memory
}

func (s *state) check(op string) {
	if s.rest.cells == nil || s.rest.read != s.readAtRest() {
		tensor.Panicf(op, nil, "the state was freed, or kept after another step")
	}
}

// readAtRest is how many positions were read before the tape.
func (s *state) readAtRest() int {
	n := s.read
	for _, p := range s.steps {
		n -= p.length
	}
	return n
}

// mustRest panics unless s is off any tape and has the rows.
func (s *state) mustRest(op string, from, to int) {
	s.check(op)
	if s.moved != nil || s.steps != nil {
		tensor.Panicf(op, nil, "the state is on a tape")
	}
	if from < 0 || to < from || to > s.rest.rows {
		tensor.Panicf(op, nil, "no rows %d:%d of %d", from, to, s.rest.rows)
	}
}

// Len is how many positions have been read.
func (s *state) Len() int { return s.read }

// Rows is how many of them the memories hold, none in a model without.
func (s *state) Rows() int {
	n := s.rest.rows
	for _, p := range s.steps {
		n = s.rest.held(n + p.length)
	}
	return n
}

// Moving are, by block, h and c (B, H), and the memory's rows (to-from, B, H)
// where the block attends.
func (s *state) Moving(from, to int) [][]*tensor.Tensor {
	s.mustRest("shalm.Moving", from, to)
	groups := make([][]*tensor.Tensor, len(s.rest.cells))
	for i := range s.rest.cells {
		c := &s.rest.cells[i]
		groups[i] = []*tensor.Tensor{c.h, c.c}
		if c.attends {
			groups[i] = append(groups[i], s.rest.view(i, from, to))
		}
	}
	return groups
}

// With is the state with h, c and rows from to to replaced.
func (s *state) With(from, to int, moved [][]*autograd.Var) pplm.State {
	s.mustRest("shalm.With", from, to)
	w := *s
	w.from, w.to, w.moved = from, to, moved
	return &w
}

// after is the state once a Step has read rows.
func (s *state) after(carry []sharnn.Carry, length int) *state {
	n := *s
	n.read += length
	n.steps = append(s.steps[:len(s.steps):len(s.steps)], step{length, carry})
	return &n
}

// carry is what the blocks take into a segment of T rows on the tape.
func (s *state) carry(t *autograd.Tape, T int) []sharnn.Carry {
	out := make([]sharnn.Carry, len(s.rest.cells))
	for i := range out {
		out[i].H, out[i].C = s.cell(t, i)
		if s.rest.cells[i].attends {
			out[i].Memory = s.memory(t, i, T)
		}
	}
	return out
}

// cell is a block's h and c: the last Step's, the moved ones, or those at rest.
func (s *state) cell(t *autograd.Tape, block int) (h, c *autograd.Var) {
	if n := len(s.steps); n > 0 {
		last := s.steps[n-1].carry[block]
		return last.H, last.C
	}
	if s.moved != nil {
		return s.moved[block][0], s.moved[block][1]
	}
	return t.Leaf(s.rest.cells[block].h), t.Leaf(s.rest.cells[block].c)
}

// memory are the newest rows that a segment of T rows sees, in pieces, oldest
// first.
func (s *state) memory(t *autograd.Tape, block, T int) []*autograd.Var {
	total := s.rest.rows
	for _, p := range s.steps {
		total += p.length
	}
	skip := total - s.rest.model.Config.KeepBefore(min(total, s.rest.model.Config.Memory), T)
	var pieces []*autograd.Var
	add := func(rows int, piece func(lo int) *autograd.Var) {
		if skip < rows {
			pieces = append(pieces, piece(max(skip, 0)))
		}
		skip -= rows
	}
	leaf := func(from, to int) {
		add(to-from, func(lo int) *autograd.Var { return t.Leaf(s.rest.view(block, from+lo, to)) })
	}
	own := func(v *autograd.Var) {
		n := v.Value.Dim(0)
		add(n, func(lo int) *autograd.Var {
			if lo == 0 {
				return v
			}
			return autograd.Slice(v, 0, lo, n)
		})
	}
	if s.moved == nil {
		leaf(0, s.rest.rows)
	} else {
		leaf(0, s.from)
		own(s.moved[block][2])
		leaf(s.to, s.rest.rows)
	}
	for _, p := range s.steps {
		own(p.carry[block].Memory[0])
	}
	return pieces
}

// Keep takes the state off its tape.
func (s *state) Keep() pplm.State {
	if s.steps == nil {
		return s
	}
	s.check("shalm.Keep")
	last := s.steps[len(s.steps)-1].carry
	t := last[0].H.Tape()
	for i := range s.rest.cells {
		c := &s.rest.cells[i]
		t.Own(c.h) // the backward pass may read them
		t.Own(c.c)
		c.h, c.c = autograd.Keep(last[i].H), autograd.Keep(last[i].C)
		if !c.attends {
			continue
		}
		if s.moved != nil && s.from < s.to {
			s.rest.model.Backend.Copy(s.rest.view(i, s.from, s.to), s.moved[i][2].Value)
		}
		s.rest.add(t, i, s.steps)
	}
	rows := s.rest.rows
	for _, p := range s.steps {
		rows += p.length
	}
	kept := s.rest.held(rows)
	for i := range s.rest.cells {
		s.rest.cells[i].start += rows - kept
	}
	s.rest.rows, s.rest.read = kept, s.read
	return &state{rest: s.rest, read: s.read}
}

// Copy is the same memory in tensors of its own.
func (s *state) Copy(batch int) pplm.State {
	s.mustRest("shalm.Copy", 0, s.rest.rows)
	if batch != s.rest.batch && (s.rest.batch != 1 || batch < 1) {
		tensor.Panicf("shalm.Copy", nil, "%d samples cannot become %d", s.rest.batch, batch)
	}
	b := s.rest.model.Backend
	n := *s.rest
	n.batch, n.cells = batch, make([]cell, len(s.rest.cells))
	repeat := func(x *tensor.Tensor, batchAxis int) *tensor.Tensor {
		shape := append([]int{}, x.Shape...)
		shape[batchAxis] = batch
		y := backend.New(b, x.DType, shape...)
		b.Copy(y, x.Broadcast(shape...))
		return y
	}
	for i, c := range s.rest.cells {
		n.cells[i] = cell{h: repeat(c.h, 0), c: repeat(c.c, 0), attends: c.attends}
		if c.attends && n.rows > 0 {
			n.cells[i].memory = repeat(s.rest.view(i, 0, n.rows), 1)
		}
	}
	return &state{rest: &n, read: s.read}
}

// Free gives the tensors back; a state on a tape has none of its own.
func (s *state) Free() {
	if s.moved != nil || s.steps != nil {
		return
	}
	s.check("shalm.Free")
	for _, c := range s.rest.cells {
		backend.Release(s.rest.model.Backend, c.h, c.c, c.memory)
	}
	s.rest.cells = nil
}
