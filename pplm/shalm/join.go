package shalm

import (
	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/sharnn"
)

// joined are what the blocks take into a segment of T rows on the tape, of states
// side by side.
func joined(t *autograd.Tape, states []*state, T int) []sharnn.Carry {
	if len(states) == 1 {
		return states[0].carry(t, T)
	}
	out := make([]sharnn.Carry, len(states[0].rest.cells))
	for i := range out {
		h, c := make([]*autograd.Var, len(states)), make([]*autograd.Var, len(states))
		for j, s := range states {
			h[j], c[j] = s.cell(t, i)
		}
		out[i].H, out[i].C = autograd.Concat(0, h...), autograd.Concat(0, c...)
		for _, s := range states {
			m := sharnn.Memory{Batch: s.rest.batch}
			if s.rest.cells[i].attends {
				m.Rows = s.memory(t, i, T)
			}
			out[i].Apart = append(out[i].Apart, m)
		}
	}
	return out
}

// parted are the states' shares of what the blocks carry on.
func parted(carry []sharnn.Carry, states []*state) [][]sharnn.Carry {
	if len(states) == 1 {
		return [][]sharnn.Carry{carry}
	}
	out, from := make([][]sharnn.Carry, len(states)), 0
	for j, s := range states {
		to := from + s.rest.batch
		for _, c := range carry {
			part := sharnn.Carry{H: autograd.Slice(c.H, 0, from, to), C: autograd.Slice(c.C, 0, from, to)}
			if c.Memory != nil {
				part.Memory = []*autograd.Var{autograd.Slice(c.Memory[0], 1, from, to)}
			}
			out[j] = append(out[j], part)
		}
		from = to
	}
	return out
}
