package sharnn

import (
	"context"
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// Evaluation says how to pass over a text of N symbols, which has N-1 targets:
// each symbol but the first, predicted from those before it.
//
// The targets are laid out in Batch lanes of L = ceil((N-1)/Batch): lane b
// predicts symbols b*L+1 to (b+1)*L. Each target counts exactly once. Every lane
// starts without a past, so that one lane gives the best figure and the slowest
// pass. Where fewer lanes of length L are enough, fewer are used.
type Evaluation struct {
	Batch    int                   // lanes, B
	BPTT     int                   // rows of a segment, T
	Progress func(done, total int) // called after each segment with the targets counted; may be nil
}

// Result is what a model is worth on a text.
type Result struct {
	Nats    float64 // mean over all targets of -log p(target), in nats per symbol
	Targets int

	// Reference is what the reference program's evaluate reports for the same
	// lanes: it divides the sum by the rows of the text, of which there is one
	// more in each lane than there are targets.
	Reference float64
}

// Bits converts nats to bits.
func Bits(nats float64) float64 { return nats / math.Ln2 }

// WithMemory is the model with room for another number of positions in the
// attention's memory, 0 for none. Both are the same parameters: free one.
func (m *Model) WithMemory(positions int) *Model {
	if positions < 0 {
		panic(&tensor.Error{Op: "WithMemory", Msg: fmt.Sprintf("%d positions", positions)})
	}
	c := *m
	c.Config.Memory = positions
	return &c
}

// Evaluate is the exact mean cross-entropy of ids under the model, without
// dropout. The state is carried from the first segment to the last. It returns
// an error where there is no target, an id is not one of the model's symbols,
// the device fails, or ctx is cancelled.
func Evaluate(ctx context.Context, m *Model, ids []int32, e Evaluation) (Result, error) {
	return EvaluateText(ctx, m, corpus.NewIDs(ids, 0, 0), e)
}

// EvaluateText is [Evaluate] of a text that is read as the pass goes.
func EvaluateText(ctx context.Context, m *Model, ids *corpus.IDs, e Evaluation) (Result, error) {
	if e.Batch < 1 || e.BPTT < 1 {
		panic(&tensor.Error{Op: "Evaluate", Msg: fmt.Sprintf("batch %d, bptt %d: want at least 1", e.Batch, e.BPTT)})
	}
	if ids.Len() < 2 {
		return Result{}, fmt.Errorf("evaluating: a text of %d symbols has nothing to predict, it needs 2", ids.Len())
	}
	for i := range ids.Len() {
		if err := m.checkID(ids.At(i), i); err != nil {
			return Result{}, fmt.Errorf("evaluating: %w", err)
		}
	}
	lanes := layOut(ids, e.Batch)
	state := m.NewState(lanes.batch)
	defer state.Free()
	r, sum := Result{}, 0.0
	for i := 0; i < lanes.rows; i += e.BPTT {
		if err := ctx.Err(); err != nil {
			return Result{}, fmt.Errorf("evaluating: %w", err)
		}
		T := min(e.BPTT, lanes.rows-i)
		losses, err := m.segmentLosses(state, lanes, i, T)
		if err != nil {
			return Result{}, fmt.Errorf("evaluating: %w", err)
		}
		for k, loss := range losses {
			if lanes.real(i+k/lanes.batch, k%lanes.batch) {
				sum += loss
				r.Targets++
			}
		}
		if e.Progress != nil {
			e.Progress(r.Targets, ids.Len()-1)
		}
	}
	r.Nats = sum / float64(r.Targets)
	r.Reference = sum / float64(r.Targets+lanes.batch)
	return r, nil
}

func (m *Model) checkIDs(ids []int32) error {
	for i, id := range ids {
		if err := m.checkID(id, i); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) checkID(id int32, at int) error {
	if id < 0 || int(id) >= m.Config.Symbols {
		return fmt.Errorf("id %d at position %d: the model has %d symbols", id, at, m.Config.Symbols)
	}
	return nil
}

// segmentLosses are the cross-entropies (T*B) of rows i to i+T-1, and moves the
// state past them.
func (m *Model) segmentLosses(state *State, l lanes, i, T int) ([]float64, error) {
	in, target := make([]int32, T*l.batch), make([]int32, T*l.batch) // (T, B)
	l.segment(in, target, i)
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	x := tape.Own(backend.FromSlice(m.Backend, in, T, l.batch))
	h, next := m.Run(m.Embed(x, nil), state.Carry(tape, T), nil)
	state.Advance(next)
	return m.losses(h, target)
}

// lanes is a text in batch lanes of rows targets each; the last may be shorter
// and is padded with symbol 0.
type lanes struct {
	ids         *corpus.IDs
	batch, rows int
}

func layOut(ids *corpus.IDs, batch int) lanes {
	targets := ids.Len() - 1
	rows := (targets-1)/batch + 1
	return lanes{ids, (targets-1)/rows + 1, rows}
}

// real tells whether row t of lane b has a target, not padding.
func (l lanes) real(t, b int) bool { return b*l.rows+t+1 < l.ids.Len() }

// segment writes the inputs and targets (T, B) of the rows from i.
func (l lanes) segment(in, target []int32, i int) {
	for k := range in {
		t, b := i+k/l.batch, k%l.batch
		if l.real(t, b) {
			in[k], target[k] = l.ids.At(b*l.rows+t), l.ids.At(b*l.rows+t+1)
		}
	}
}
