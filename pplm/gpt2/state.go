package gpt2

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

// state is a [pplm.State]: rows at rest in a cache, of which some may be
// replaced on a tape, and after them what Steps read on the tape. All states
// that come of one Start share its cache; the newest that was kept owns it.
type state struct {
	cache *cache
	batch int
	rows  int // positions read, those on the tape included

	from, to int      // the rows that moved replaces
	moved    []pair   // by layer; nil: none
	fresh    [][]pair // by Step, by layer
}

// Start is a state of batch samples that have read nothing.
func (m *Model) Start(batch int) pplm.State {
	if batch < 1 {
		tensor.Panicf("gpt2.Start", nil, "a batch of %d samples", batch)
	}
	return &state{cache: &cache{model: m, layers: make([]stored, len(m.Blocks))}, batch: batch}
}

// rest is how many of the rows are in the cache.
func (s *state) rest() int {
	n := s.rows
	for _, step := range s.fresh {
		n -= step[0].keys.Value.Dim(0)
	}
	return n
}

// check panics on a state whose cache another one has, and on one freed.
func (s *state) check(op string) {
	if s.cache.layers == nil || s.cache.rows != s.rest() {
		tensor.Panicf(op, nil, "the state was freed, or kept after another step")
	}
}

// Len is how many positions have been read.
func (s *state) Len() int { return s.rows }

// Rows is Len: all positions are held.
func (s *state) Rows() int { return s.rows }

// Copy is the same rows in a cache of their own.
func (s *state) Copy(batch int) pplm.State {
	s.mustRest("gpt2.Copy", 0, s.rows)
	if batch != s.batch && (s.batch != 1 || batch < 1) {
		tensor.Panicf("gpt2.Copy", nil, "%d samples cannot become %d", s.batch, batch)
	}
	m := s.cache.model
	c := m.Start(batch).(*state)
	c.rows, c.cache.rows = s.rows, s.rows
	if s.rows == 0 {
		return c
	}
	for i := range c.cache.layers {
		c.cache.layers[i] = c.cache.room(batch, m.capacity(0, s.rows))
		k, v := s.cache.view(i, 0, s.rows)
		toK, toV := c.cache.view(i, 0, s.rows)
		m.Backend.Copy(toK, k.Broadcast(toK.Shape...))
		m.Backend.Copy(toV, v.Broadcast(toV.Shape...))
	}
	return c
}

// Moving are the keys and values (to-from, B, H) of each layer's rows.
func (s *state) Moving(from, to int) [][]*tensor.Tensor {
	s.mustRest("gpt2.Moving", from, to)
	groups := make([][]*tensor.Tensor, len(s.cache.layers))
	for i := range groups {
		k, v := s.cache.view(i, from, to)
		groups[i] = []*tensor.Tensor{k, v}
	}
	return groups
}

// mustRest panics unless s is off any tape and has the rows.
func (s *state) mustRest(op string, from, to int) {
	s.check(op)
	if s.moved != nil || s.fresh != nil {
		tensor.Panicf(op, nil, "the state is on a tape")
	}
	if from < 0 || to < from || to > s.rows {
		tensor.Panicf(op, nil, "no rows %d:%d of %d", from, to, s.rows)
	}
}

// With is the state with rows from to to replaced.
func (s *state) With(from, to int, moved [][]*autograd.Var) pplm.State {
	s.mustRest("gpt2.With", from, to)
	if from == to {
		return s
	}
	w := *s
	w.from, w.to, w.moved = from, to, make([]pair, len(moved))
	for i, group := range moved {
		w.moved[i] = pair{group[0], group[1]}
	}
	return &w
}

// past are a layer's keys and values.
func (s *state) past(t *autograd.Tape, layer int) rows {
	pieces := make([]pair, 0, 4+len(s.fresh)) // with room for the next
	add := func(from, to int) {
		if from < to {
			k, v := s.cache.view(layer, from, to)
			pieces = append(pieces, pair{t.Leaf(k), t.Leaf(v)})
		}
	}
	if s.moved == nil {
		add(0, s.rest())
	} else {
		add(0, s.from)
		pieces = append(pieces, s.moved[layer])
		add(s.to, s.rest())
	}
	for _, step := range s.fresh {
		pieces = append(pieces, step[layer])
	}
	return rows{s.batch, pieces}
}

// after is the state once a Step has read rows.
func (s *state) after(own []pair) *state {
	n := *s
	n.rows += own[0].keys.Value.Dim(0)
	n.fresh = append(s.fresh[:len(s.fresh):len(s.fresh)], own)
	return &n
}

// Keep takes the state off its tape.
func (s *state) Keep() pplm.State {
	if s.fresh == nil {
		return s
	}
	s.check("gpt2.Keep")
	t := s.fresh[0][0].keys.Tape()
	for i := range s.cache.layers {
		s.cache.reserve(t, i, s.batch, s.rows)
		if s.moved != nil {
			s.cache.write(i, s.from, s.moved[i])
		}
		at := s.cache.rows
		for _, step := range s.fresh {
			s.cache.write(i, at, step[i])
			at += step[i].keys.Value.Dim(0)
		}
	}
	s.cache.rows = s.rows
	return &state{cache: s.cache, batch: s.batch, rows: s.rows}
}

// Free gives the cache back; a state on a tape has none of its own.
func (s *state) Free() {
	if s.moved != nil || s.fresh != nil {
		return
	}
	s.check("gpt2.Free")
	for _, l := range s.cache.layers {
		backend.Release(s.cache.model.Backend, l.keys, l.values)
	}
	s.cache.layers = nil
}

// cache holds the keys and values of all layers, row by row.
type cache struct {
	model  *Model
	rows   int
	layers []stored
}

// stored has room for more rows than are in use: (capacity, B, H), or nil.
type stored struct{ keys, values *tensor.Tensor }

// view shows some of a layer's rows.
func (c *cache) view(layer, from, to int) (keys, values *tensor.Tensor) {
	l := c.layers[layer]
	return l.keys.Slice(0, from, to), l.values.Slice(0, from, to)
}

// write puts keys and values at rows from at on.
func (c *cache) write(layer, at int, p pair) {
	k, v := c.view(layer, at, at+p.keys.Value.Dim(0))
	c.model.Backend.Copy(k, p.keys.Value)
	c.model.Backend.Copy(v, p.values.Value)
}

// leastRows is the room that a cache starts with.
const leastRows = 32

// capacity is the room for n rows where there was some: twice as much, so that a
// row is copied once on average.
func (m *Model) capacity(old, n int) int {
	return min(max(n, 2*old, leastRows), m.Config.Positions)
}

// room is empty storage for a layer.
func (c *cache) room(batch, capacity int) stored {
	m := c.model
	rows := func() *tensor.Tensor {
		return backend.New(m.Backend, m.info.DType, capacity, batch, m.Config.Width)
	}
	return stored{rows(), rows()}
}

// reserve makes room for n rows of a layer. What a tape may still read is left
// to it.
func (c *cache) reserve(t *autograd.Tape, layer, batch, n int) {
	old, capacity := c.layers[layer], 0
	if old.keys != nil {
		capacity = old.keys.Dim(0)
	}
	if n <= capacity {
		return
	}
	c.layers[layer] = c.room(batch, c.model.capacity(capacity, n))
	if capacity == 0 {
		return
	}
	k, v := c.view(layer, 0, c.rows)
	c.model.Backend.Copy(k, old.keys.Slice(0, 0, c.rows))
	c.model.Backend.Copy(v, old.values.Slice(0, 0, c.rows))
	t.Own(old.keys)
	t.Own(old.values)
}
