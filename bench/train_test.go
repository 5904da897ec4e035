package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// Sizes common to all: enwik8's symbols, segments, and blocks of the model.
const (
	symbols = 205
	segment = 128
	layers  = 4
)

// newModel attends in the second-last block to so many rows before a segment
// of length t.
func newModel(b testing.TB, cpu backend.Backend, width, rows, t int) *sharnn.Model {
	attention, err := sharnn.AttentionLayers("one", layers)
	require.NoError(b, err)
	c := sharnn.Config{Symbols: symbols, Width: width, Hidden: 4 * width, Layers: layers, Attention: attention, Heads: 1}
	if rows > 0 {
		c.Memory = rows + t // Memory counts the segment too
	}
	m, err := sharnn.New(cpu, tensor.Float32, c, 1)
	require.NoError(b, err)
	b.Cleanup(m.Free)
	return m
}

// BenchmarkTrain is a step of training without dropout: forward, backward,
// clipping at a norm of 0.25, LAMB. The memory is full from the first step on.
func BenchmarkTrain(b *testing.B) {
	for _, c := range []struct{ width, rows, batch int }{
		{256, 0, 16}, {256, 128, 16}, {256, 1000, 16}, {256, 2500, 16}, {256, 5000, 16}, {1024, 128, 8},
	} {
		eachThreads(b, fmt.Sprintf("emsize=%d/rows=%d/B=%d", c.width, c.rows, c.batch), func(b *testing.B, cpu backend.Backend) {
			m := newModel(b, cpu, c.width, c.rows, segment)
			state := m.NewState(c.batch)
			defer state.Free()
			fill(cpu, state, m.Config, c.rows, c.batch)
			ids := drawn(cpu, symbols, segment+1, c.batch)
			defer backend.Release(cpu, ids)
			tr := newTrained(b, cpu, m, optim.LAMB, 0.002, 0.25)
			loopSteps(b, segment*c.batch, func() {
				tr.step(func(tape *autograd.Tape) *autograd.Var {
					x, y := tape.Leaf(ids.Slice(0, 0, segment)), tape.Leaf(ids.Slice(0, 1, segment+1))
					h, next := m.Run(m.Embed(x, nil), state.Carry(tape, segment), nil)
					loss := m.Loss(h, y)
					state.Advance(next)
					return loss
				})
			})
		})
	}
}

// fill puts so many rows into the state's memories, a segment at a time.
func fill(cpu backend.Backend, state *sharnn.State, c sharnn.Config, rows, batch int) {
	for done := 0; done < rows; done += segment {
		tape := autograd.NewTape(cpu)
		own := backend.New(cpu, tensor.Float32, segment, batch, c.Width)
		cpu.Random(own, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 4, Step: uint32(done)})
		zeros := tape.Own(backend.Zeros(cpu, tensor.Float32, batch, c.Width))
		carry := make([]sharnn.Carry, c.Layers)
		for i := range carry {
			carry[i] = sharnn.Carry{H: zeros, C: zeros}
		}
		for _, i := range c.Attention {
			carry[i].Memory = []*autograd.Var{tape.Own(own)}
		}
		state.Advance(carry)
		tape.Free()
	}
}

// TestFill: the first step sees just the rows that its name says.
func TestFill(t *testing.T) {
	const rows, batch, attends = 300, 2, layers - 2
	cpu, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer cpu.Close()
	m := newModel(t, cpu, 16, rows, segment)
	state := m.NewState(batch)
	defer state.Free()
	fill(cpu, state, m.Config, rows, batch)
	tape := autograd.NewTape(cpu)
	defer tape.Free()
	state.Carry(tape, segment)
	require.Equal(t, rows, state.MemoryRows(attends))
}
