package loop

import "github.com/tiller-ml/tiller/tensor"

// What a Loop has room for.
const (
	MaxRank     = 8 // axes longer than 1
	MaxOperands = 4
)

// Loop walks several tensors of one shape in step. Axes of length 1 are left
// out and axes that lie alike in all tensors are merged. Axes and operands
// beyond Rank and Operands mean nothing.
type Loop struct {
	Size     int
	Rank     int // at least 1
	Operands int
	Shape    [MaxRank]int
	Strides  [MaxOperands][MaxRank]int
}

// Reset makes l a loop without axes. Push adds them and Merge finishes it.
func (l *Loop) Reset(operands int) { *l = Loop{Operands: operands} }

// Elementwise makes l a loop over shape whose innermost axis is the densest of
// the first operand; every operand broadcasts to shape.
func (l *Loop) Elementwise(shape []int, ts ...*tensor.Tensor) {
	l.Reset(len(ts))
	for axis := range shape {
		var s [MaxOperands]int
		for k, t := range ts {
			s[k] = stride(t, shape, axis)
		}
		l.Push(shape[axis], s)
	}
	for i := 1; i < l.Rank; i++ {
		for j := i; j > 0 && l.Strides[0][j-1] < l.Strides[0][j]; j-- {
			l.swap(j-1, j)
		}
	}
	l.Merge()
}

// stride is t's along an axis of a shape to which it broadcasts.
func stride(t *tensor.Tensor, shape []int, axis int) int {
	i := axis - len(shape) + len(t.Shape)
	if i < 0 || t.Shape[i] == 1 {
		return 0
	}
	return t.Strides[i]
}

// Push adds an axis on the inner side.
func (l *Loop) Push(length int, strides [MaxOperands]int) {
	if length == 1 {
		return
	}
	if l.Rank == MaxRank {
		panic(&tensor.Error{Op: "loop", Msg: "more than 8 axes"})
	}
	l.Shape[l.Rank] = length
	for k, s := range strides {
		l.Strides[k][l.Rank] = s
	}
	l.Rank++
}

func (l *Loop) swap(i, j int) {
	l.Shape[i], l.Shape[j] = l.Shape[j], l.Shape[i]
	for k := range l.Operands {
		s := &l.Strides[k]
		s[i], s[j] = s[j], s[i]
	}
}

// Merge joins each axis with the next inner one where every operand steps over
// it as over one longer axis, and finishes the loop.
func (l *Loop) Merge() {
	l.Size = tensor.Size(l.Shape[:l.Rank])
	if l.Rank == 0 || l.Size == 0 {
		l.Rank, l.Shape[0] = 1, l.Size
		for k := range l.Operands {
			l.Strides[k][0] = 1
		}
		return
	}
	last := 0
	for i := 1; i < l.Rank; i++ {
		n := l.Shape[i]
		if l.mergeable(last, i) {
			n *= l.Shape[last]
		} else {
			last++
		}
		l.Shape[last] = n
		for k := range l.Operands {
			l.Strides[k][last] = l.Strides[k][i]
		}
	}
	l.Rank = last + 1
}

func (l *Loop) mergeable(i, j int) bool {
	for k := range l.Operands {
		if l.Strides[k][i] != l.Shape[j]*l.Strides[k][j] {
			return false
		}
	}
	return true
}

// Inner is an operand's stride along the innermost axis.
func (l *Loop) Inner(operand int) int { return l.Strides[operand][l.Rank-1] }

// Run is the length of the innermost axis.
func (l *Loop) Run() int { return l.Shape[l.Rank-1] }

// Offset is where an operand has element i.
func (l *Loop) Offset(operand, i int) int {
	off := 0
	for d := l.Rank - 1; d >= 0; d-- {
		off += i % l.Shape[d] * l.Strides[operand][d]
		i /= l.Shape[d]
	}
	return off
}

// Runs visits elements lo to hi-1 in runs of at most limit along the innermost
// axis, with the offset of each operand.
func (l *Loop) Runs(lo, hi, limit int, visit func(off [MaxOperands]int, n int)) {
	var index [MaxRank]int
	var off [MaxOperands]int
	for d, i := l.Rank-1, lo; d >= 0 && i > 0; d-- {
		index[d] = i % l.Shape[d]
		i /= l.Shape[d]
	}
	for k := range l.Operands {
		off[k] = l.Offset(k, lo)
	}
	last := l.Rank - 1
	for lo < hi {
		n := min(hi-lo, l.Shape[last]-index[last], limit)
		visit(off, n)
		lo += n
		index[last] += n
		for k := range l.Operands {
			off[k] += n * l.Strides[k][last]
		}
		for d := last; d > 0 && index[d] == l.Shape[d]; d-- {
			index[d] = 0
			index[d-1]++
			for k := range l.Operands {
				off[k] += l.Strides[k][d-1] - l.Shape[d]*l.Strides[k][d]
			}
		}
	}
}
