package sharnn

import (
	"fmt"
	"io"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// maxRing is the largest memory, in rows, that a file may ask for.
const maxRing = 1 << 24

// Sources are the state's tensors for a file: for each block "blocks.0.h" and
// "blocks.0.c" (B, H) and, where it attends, "blocks.0.memory" (M, B, H),
// oldest row first, and "blocks.0.ring" (2): the ring's capacity and its first
// row. Attention sums a ring in pieces, so a state that is to go on bit for bit
// needs its rows where they were. A state that has seen nothing has no tensors.
//
// The tensors are read when they are written, and the state must not advance
// before.
func (s *State) Sources() []safetensors.Source {
	var out []safetensors.Source
	b := s.model.Backend
	for i, c := range s.cells {
		name := func(part string) string { return fmt.Sprintf("blocks.%d.%s", i, part) }
		if c.h != nil {
			out = append(out, TensorSource(b, name("h"), c.h), TensorSource(b, name("c"), c.c))
		}
		if c.memory == nil || c.memory.rows == 0 {
			continue
		}
		ring := []int32{int32(c.memory.ring.Shape[0]), int32(c.memory.start)}
		out = append(out, c.memory.source(b, name("memory")), safetensors.FromSlice(name("ring"), ring, 2))
	}
	return out
}

// source writes the rows in order.
func (m *memory) source(b backend.Backend, name string) safetensors.Source {
	shape := []int{m.rows, m.ring.Shape[1], m.ring.Shape[2]}
	return safetensors.Source{Name: name, DType: safetensors.DTypeOf(m.ring.DType), Shape: shape, Data: func(w io.Writer) error {
		for _, piece := range m.pieces() {
			if err := TensorSource(b, name, piece).Data(w); err != nil {
				return err
			}
		}
		return nil
	}}
}

// RestoreState reads what [State.Sources] wrote of a state of this model and
// batch size, in the model's dtype: the state goes on bit for bit. A tensor that
// is missing, left over or of another shape or dtype is an error that names it.
func (m *Model) RestoreState(f *safetensors.File, batch int) (*State, error) {
	s := m.NewState(batch)
	used := 0
	for i := range s.cells {
		n, err := s.restoreCell(f, i)
		if err != nil {
			s.Free()
			return nil, fmt.Errorf("restoring the recurrent state: %w", err)
		}
		used += n
	}
	if used != len(f.Tensors) {
		s.Free()
		return nil, fmt.Errorf("restoring the recurrent state: the file has %d tensors, the model's state %d", len(f.Tensors), used)
	}
	return s, nil
}

// restoreCell tells how many tensors of the file are block i's.
func (s *State) restoreCell(f *safetensors.File, i int) (used int, err error) {
	c, width := &s.cells[i], s.model.Config.Width
	name := func(part string) string { return fmt.Sprintf("blocks.%d.%s", i, part) }
	if !slices.ContainsFunc(f.Tensors, func(x safetensors.Tensor) bool { return x.Name == name("h") }) {
		return 0, nil
	}
	if c.h, err = s.restore(f, name("h"), s.batch, width); err != nil {
		return 0, err
	}
	if c.c, err = s.restore(f, name("c"), s.batch, width); err != nil {
		return 0, err
	}
	if c.memory == nil {
		return 2, nil
	}
	return 4, s.restoreMemory(f, c.memory, name("memory"), name("ring"))
}

func (s *State) restore(f *safetensors.File, name string, shape ...int) (*tensor.Tensor, error) {
	x, err := s.lookup(f, name, shape...)
	if err != nil {
		return nil, err
	}
	t := backend.New(s.model.Backend, s.model.DType, shape...)
	if err := s.model.Backend.Write(t, x.Data); err != nil {
		backend.Release(s.model.Backend, t)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// lookup finds a tensor of the model's dtype; a length of -1 fits any.
func (s *State) lookup(f *safetensors.File, name string, shape ...int) (*safetensors.Tensor, error) {
	x, err := f.Lookup(name)
	if err != nil {
		return nil, err
	}
	fits := slices.EqualFunc(x.Shape, shape, func(a, b int) bool { return a == b || b == -1 })
	if want := safetensors.DTypeOf(s.model.DType); !fits || x.DType != want {
		return nil, fmt.Errorf("%s is %s %v, want %s %v", name, x.DType, x.Shape, want, shape)
	}
	return x, nil
}

// restoreMemory puts the rows back in the places of the ring that they had.
func (s *State) restoreMemory(f *safetensors.File, m *memory, rowsName, ringName string) error {
	width := s.model.Config.Width
	x, err := s.lookup(f, rowsName, -1, s.batch, width)
	if err != nil {
		return err
	}
	at, err := f.Lookup(ringName)
	if err != nil {
		return err
	}
	place, err := at.Int32s()
	if err != nil {
		return err
	}
	rows := x.Shape[0]
	if len(place) != 2 || rows < 1 || place[0] > maxRing || rows > int(place[0]) || place[1] < 0 || place[1] >= place[0] {
		return fmt.Errorf("%s %v does not hold the %d rows of %s", ringName, place, rows, rowsName)
	}
	m.ring = backend.New(s.model.Backend, s.model.DType, int(place[0]), s.batch, width)
	m.start, m.rows = int(place[1]), rows
	data := x.Data
	for _, piece := range m.pieces() {
		n := piece.Len() * piece.DType.Size()
		if err := s.model.Backend.Write(piece, data[:n]); err != nil {
			return fmt.Errorf("%s: %w", rowsName, err)
		}
		data = data[n:]
	}
	return nil
}
