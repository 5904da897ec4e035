package cpu

import "github.com/tiller-ml/tiller/tensor"

const (
	maxRank     = 8 // axes longer than 1
	maxOperands = 4
)

// Elements that are worth a task of their own: about 5 us of arithmetic at the
// memory's pace, or of calls of package math.
const (
	grain     = 16384
	slowGrain = 1024
)

// loop walks several tensors of one shape in step. Axes of length 1 are left
// out and axes that lie alike in all tensors are merged.
type loop struct {
	size     int
	rank     int // at least 1
	operands int
	shape    [maxRank]int
	strides  [maxOperands][maxRank]int
}

// loop takes an empty loop from the spare ones; the kernel gives it back with
// done when its work is over, so that kernels leave nothing to the collector.
func (b *Backend) loop(operands int) *loop {
	l := b.loops.GetOrNew()
	*l = loop{operands: operands}
	return l
}

func (b *Backend) done(l *loop) { b.loops.Put(l) }

// elementwise is a loop over shape whose innermost axis is the densest of the
// first operand; every operand broadcasts to shape.
func (b *Backend) elementwise(shape []int, ts ...*tensor.Tensor) *loop {
	l := b.loop(len(ts))
	for axis := range shape {
		var s [maxOperands]int
		for k, t := range ts {
			s[k] = stride(t, shape, axis)
		}
		l.push(shape[axis], s)
	}
	for i := 1; i < l.rank; i++ {
		for j := i; j > 0 && l.strides[0][j-1] < l.strides[0][j]; j-- {
			l.swap(j-1, j)
		}
	}
	return l.merge()
}

// stride is t's along an axis of a shape to which it broadcasts.
func stride(t *tensor.Tensor, shape []int, axis int) int {
	i := axis - len(shape) + len(t.Shape)
	if i < 0 || t.Shape[i] == 1 {
		return 0
	}
	return t.Strides[i]
}

// push adds an axis on the inner side.
func (l *loop) push(length int, strides [maxOperands]int) {
	if length == 1 {
		return
	}
	if l.rank == maxRank {
		panic(&tensor.Error{Op: "cpu", Msg: "more than 8 axes"})
	}
	l.shape[l.rank] = length
	for k, s := range strides {
		l.strides[k][l.rank] = s
	}
	l.rank++
}

func (l *loop) swap(i, j int) {
	l.shape[i], l.shape[j] = l.shape[j], l.shape[i]
	for k := range l.operands {
		s := &l.strides[k]
		s[i], s[j] = s[j], s[i]
	}
}

// merge joins each axis with the next inner one where every operand steps over
// it as over one longer axis, and finishes the loop.
func (l *loop) merge() *loop {
	l.size = tensor.Size(l.shape[:l.rank])
	if l.rank == 0 || l.size == 0 {
		l.rank, l.shape[0] = 1, l.size
		for k := range l.operands {
			l.strides[k][0] = 1
		}
		return l
	}
	last := 0
	for i := 1; i < l.rank; i++ {
		n := l.shape[i]
		if l.mergeable(last, i) {
			n *= l.shape[last]
		} else {
			last++
		}
		l.shape[last] = n
		for k := range l.operands {
			l.strides[k][last] = l.strides[k][i]
		}
	}
	l.rank = last + 1
	return l
}

func (l *loop) mergeable(i, j int) bool {
	for k := range l.operands {
		if l.strides[k][i] != l.shape[j]*l.strides[k][j] {
			return false
		}
	}
	return true
}

// inner is an operand's stride along the innermost axis.
func (l *loop) inner(operand int) int { return l.strides[operand][l.rank-1] }

// run is the length of the innermost axis.
func (l *loop) run() int { return l.shape[l.rank-1] }

// offset is where an operand has element i.
func (l *loop) offset(operand, i int) int {
	off := 0
	for d := l.rank - 1; d >= 0; d-- {
		off += i % l.shape[d] * l.strides[operand][d]
		i /= l.shape[d]
	}
	return off
}

// runs visits elements lo to hi-1 in runs of at most limit along the innermost
// axis, with the offset of each operand.
func (l *loop) runs(lo, hi, limit int, visit func(off [maxOperands]int, n int)) {
	var index [maxRank]int
	var off [maxOperands]int
	for d, i := l.rank-1, lo; d >= 0 && i > 0; d-- {
		index[d] = i % l.shape[d]
		i /= l.shape[d]
	}
	for k := range l.operands {
		off[k] = l.offset(k, lo)
	}
	last := l.rank - 1
	for lo < hi {
		n := min(hi-lo, l.shape[last]-index[last], limit)
		visit(off, n)
		lo += n
		index[last] += n
		for k := range l.operands {
			off[k] += n * l.strides[k][last]
		}
		for d := last; d > 0 && index[d] == l.shape[d]; d-- {
			index[d] = 0
			index[d-1]++
			for k := range l.operands {
				off[k] += l.strides[k][d-1] - l.shape[d]*l.strides[k][d]
			}
		}
	}
}
