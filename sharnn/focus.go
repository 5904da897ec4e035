package sharnn

import (
	"context"
	"fmt"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Focus is what the attention of a block looks at while the model reads.
type Focus struct {
	Block int
	First int // the position of the first query

	// Weights are, for query First+i, those of the positions that it sees by how far
	// back they lie: Weights[i][d] is that of position First+i-d. They are means over
	// the heads and add up to 1. 0 is the query's own position.
	Weights [][]float64
}

// LookBack reads ids in segments of bptt and returns, for each block that attends, what
// the newest queries of them look at: all where there are no more ids than that. It
// returns an error where an id is not one of the model's symbols, the device fails, or
// ctx is cancelled.
func LookBack(ctx context.Context, m *Model, ids []int32, queries, bptt int) ([]Focus, error) {
	if bptt < 1 || queries < 1 {
		panic(&tensor.Error{Op: "LookBack", Msg: fmt.Sprintf("%d queries, bptt %d: want at least 1", queries, bptt)})
	}
	if err := m.checkIDs(ids); err != nil {
		return nil, fmt.Errorf("looking back: %w", err)
	}
	first := max(len(ids)-queries, 0)
	var out []Focus
	for _, i := range m.Config.Attention {
		out = append(out, Focus{Block: i, First: first})
	}
	state := m.NewState(1)
	defer state.Free()
	for at := 0; at < len(ids); at += bptt {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("looking back: %w", err)
		}
		if err := m.lookBack(state, ids[at:min(at+bptt, len(ids))], at, out); err != nil {
			return nil, fmt.Errorf("looking back: %w", err)
		}
	}
	return out, nil
}

// lookBack reads the segment that begins at a position, and adds the weights of its
// queries to out.
func (m *Model) lookBack(state *State, segment []int32, at int, out []Focus) error {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	h := m.Embed(tape.Own(backend.FromSlice(m.Backend, segment, len(segment), 1)), nil)
	carry := state.Carry(tape, len(segment))
	next := make([]Carry, len(m.Blocks))
	for i, l := range m.Blocks {
		for k := range out {
			if f := &out[k]; f.Block == i && at+len(segment) > f.First {
				if err := f.add(m.Backend, l.Focus(h, carry[i]), at); err != nil {
					return err
				}
			}
		}
		h, next[i] = l.Forward(h, carry[i], nil, i)
	}
	state.Advance(next)
	return nil
}

// add takes over the weights (1, heads, T, S) of a segment that begins at a position.
func (f *Focus) add(b backend.Backend, weights *autograd.Var, at int) error {
	w, err := backend.Floats(b, weights.Value)
	if err != nil {
		return err
	}
	heads, T, S := weights.Value.Dim(1), weights.Value.Dim(2), weights.Value.Dim(3)
	for t := max(f.First-at, 0); t < T; t++ {
		row := make([]float64, S-T+t+1) // the query sees no row after its own
		for head := range heads {
			seen := w[(head*T+t)*S:][:len(row)]
			for i, x := range seen {
				row[len(row)-1-i] += x / float64(heads)
			}
		}
		f.Weights = append(f.Weights, row)
	}
	return nil
}
