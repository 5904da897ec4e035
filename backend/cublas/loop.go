//go:build cgo && linux

package cublas

import (
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// Words of the kernels' structs for as many operands as there may be.
const (
	walkWords  = 2 + loop.MaxRank*(1+loop.MaxOperands)
	stepsWords = 2 + walkWords
)

// appendWalk adds the words of the kernels' struct walk.
func appendWalk(words []uint64, l *loop.Loop) []uint64 {
	words = append(words, uint64(l.Size), uint64(l.Rank))
	for _, n := range l.Shape {
		words = append(words, uint64(n))
	}
	for k := range l.Operands {
		for _, s := range l.Strides[k] {
			words = append(words, uint64(s))
		}
	}
	return words
}

// stepping is a loop over elements, or over several side by side: the kernels'
// struct steps.
type stepping struct {
	lanes, elements int
	loop.Loop
}

// newStepping steps over l by so many lanes where the first tensor has elements
// side by side and the others have so, too, or repeat one.
func newStepping(lanes int, l *loop.Loop) stepping {
	s := stepping{lanes: 1, elements: l.Size, Loop: *l}
	if !wide(l, lanes) {
		return s
	}
	s.lanes = lanes
	last := s.Rank - 1
	s.Shape[last] = (s.Shape[last] + lanes - 1) / lanes
	s.Size = tensor.Size(s.Shape[:s.Rank])
	for k := range s.Operands {
		s.Strides[k][last] *= lanes
	}
	return s
}

// elementwise steps over shape, to which all tensors broadcast.
func elementwise(shape []int, ts ...*tensor.Tensor) stepping {
	var l loop.Loop
	l.Elementwise(shape, ts...)
	return newStepping(elementLanes, &l)
}

// wide tells whether l can be taken so many elements at a time. Rows of several
// have no rest.
func wide(l *loop.Loop, lanes int) bool {
	if l.Size < lanes || l.Rank > 1 && l.Run()%lanes != 0 || l.Inner(0) != 1 {
		return false
	}
	for k := range l.Operands {
		if l.Inner(k) != 0 && l.Inner(k) != 1 {
			return false
		}
	}
	return true
}

// dense tells whether all tensors of l lie in one run.
func dense(l *loop.Loop) bool {
	for k := range l.Operands {
		if l.Inner(k) != 1 {
			return false
		}
	}
	return l.Rank == 1
}

// words are those of the struct, in room.
func (s *stepping) words(room *[stepsWords]uint64) []uint64 {
	return appendWalk(append(room[:0], uint64(s.lanes), uint64(s.elements)), &s.Loop)
}
