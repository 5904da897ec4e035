package corpus

import (
	"fmt"

	"github.com/tiller-ml/tiller/tensor"
)

// Stream is a text cut into Batch lanes of Rows symbols that are read side by
// side: row t holds symbol t of every lane, which is symbol b*Rows+t of the text
// for lane b. Any number of goroutines may read it.
type Stream struct {
	Rows    int     // symbols in a lane
	Batch   int     // lanes, B
	PerByte float64 // symbols that stand for a byte of the text, on average

	ids *IDs
}

// Batchify lays symbols out in batch lanes. The up to batch-1 symbols that do not
// fill a row are dropped from the end. The stream reads the symbols where they
// lie. It is an error if batch is below 1, or if there are not two rows, the
// least that has an input and a target.
func Batchify(ids *IDs, batch int) (*Stream, error) {
	if batch < 1 {
		return nil, fmt.Errorf("batch size %d: want at least 1", batch)
	}
	n := ids.Len()
	rows := n / batch
	if rows < 2 {
		return nil, fmt.Errorf("text of %d %ss is too short for a batch of %d: it needs at least %d %[2]ss, two for each",
			n, ids.unit, batch, 2*uint64(batch))
	}
	return &Stream{Rows: rows, Batch: batch, PerByte: float64(n) / float64(ids.Bytes), ids: ids}, nil
}

// Segment writes the ids of rows i to i+T-1 to in, and those of rows i+1 to i+T,
// what follows each, to target. Both are (T, B), row-major. A pass over the
// stream takes i from 0 and T = min(T, Rows-1-i) until i is Rows-1.
//
// It panics with a [tensor.Error] if T < 1, if row i or i+T is not in the
// stream, or if a buffer does not have T*B elements.
func (s *Stream) Segment(in, target []int32, i, T int) {
	B := s.Batch
	if i < 0 || T < 1 || T > s.Rows-1 || i > s.Rows-1-T || len(in) != T*B || len(target) != T*B {
		panic(&tensor.Error{
			Op:     "corpus.Segment",
			Shapes: [][]int{{len(in)}, {len(target)}},
			Msg:    fmt.Sprintf("want two of T*B = %d*%d and rows %d to %d+%d below %d", T, B, i, i, T, s.Rows),
		})
	}
	for b := range B {
		first := b*s.Rows + i
		id := s.ids.At(first)
		for t := range T {
			in[t*B+b] = id
			id = s.ids.At(first + t + 1)
			target[t*B+b] = id
		}
	}
}

// SegmentLength returns the length T of the next training segment from a
// uniform u in [0, 1) and a standard normal z, as the reference's main.py draws
// it:
//
//	mean = bptt, or bptt/2 where u >= 0.95
//	T = min(bptt, max(5, trunc(mean + 5 z)))
//
// bptt is positive, and the result is from min(5, bptt) to bptt.
func SegmentLength(bptt int, u, z float64) int {
	mean := float64(bptt)
	if u >= 0.95 {
		mean /= 2
	}
	return min(bptt, max(5, int(mean+5*z)))
}
