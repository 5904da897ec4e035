package sharnn_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// tiny is a model of few symbols with an attention in its first block.
func tiny(t testing.TB, b backend.Backend, memory int, splits ...int) *sharnn.Model {
	m, err := sharnn.New(b, tensor.Float64, sharnn.Config{
		Symbols: 7, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: memory, Splits: splits,
	}, 3)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	// Initial logits are nearly equal: larger embeddings make the past matter.
	e := m.Encoder.Weight.Value
	b.Unary(backend.Unary{Kind: backend.Affine, A: 20}, e, e)
	for _, l := range m.Blocks {
		for _, p := range l.RNN.Params() {
			b.Unary(backend.Unary{Kind: backend.Affine, A: 3}, p.Value, p.Value)
		}
	}
	randomTombstones(b, m)
	return m
}

// randomTombstones makes those of an adaptive softmax, which are 0 at first, matter.
func randomTombstones(b backend.Backend, m *sharnn.Model) {
	if m.Split == nil {
		return
	}
	for i, p := range []*nn.Param{m.Split.TailVectors, m.Split.TailBias} {
		p.Normal(b, 0.3, tensor.Key{Seed: 6, Site: uint32(i)})
	}
}

// someIDs are n symbols below 7 in no obvious order.
func someIDs(n int) []int32 {
	ids := make([]int32, n)
	key := tensor.Key{Seed: 11}
	for i := range ids {
		ids[i] = int32(7 * key.Uniform(uint64(i)))
	}
	return ids
}

// plainLosses are -log p of every symbol but the first: one segment, softmax on
// the host.
func plainLosses(t testing.TB, m *sharnn.Model, ids []int32) []float64 {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	x := tape.Own(backend.FromSlice(m.Backend, ids, len(ids), 1))
	h, _ := m.Run(m.Embed(x, nil), nil, nil)
	logits, err := backend.Data[float64](m.Backend, m.Logits(h).Value)
	require.NoError(t, err)
	var losses []float64
	for i, target := range ids[1:] {
		row, sum := logits[i*m.Config.Symbols:][:m.Config.Symbols], 0.0
		for _, l := range row {
			sum += math.Exp(l)
		}
		losses = append(losses, math.Log(sum)-row[target])
	}
	return losses
}

// With an adaptive softmax the losses are those of its log probabilities, in
// training and in evaluation.
func TestAdaptiveSoftmax(t *testing.T) {
	for _, splits := range [][]int{{4}, {2, 5}, {1, 2, 6}} {
		b := openCPU(t)
		m, ids := tiny(t, b, 1000, splits...), someIDs(50)
		losses := plainLosses(t, m, ids)
		want := 0.0
		for _, l := range losses {
			want += l / float64(len(losses))
		}
		r, err := sharnn.Evaluate(t.Context(), m, ids, sharnn.Evaluation{Batch: 1, BPTT: 7})
		require.NoError(t, err)
		assert.InEpsilon(t, want, r.Nats, 1e-9, "%v", splits)

		tape := autograd.NewTape(b)
		x := tape.Own(backend.FromSlice(b, ids[:len(ids)-1], len(ids)-1, 1))
		targets := tape.Own(backend.FromSlice(b, ids[1:], len(ids)-1, 1))
		h, _ := m.Run(m.Embed(x, nil), nil, nil)
		loss, err := backend.Data[float64](b, m.Loss(h, targets).Value)
		require.NoError(t, err)
		assert.InEpsilon(t, want, loss[0], 1e-9, "%v", splits)
		tape.Free()
	}
}

func TestEvaluateIsTheMeanOverAllTargets(t *testing.T) {
	b := openCPU(t)
	m := tiny(t, b, 1000)
	tests := []struct{ symbols, batch, bptt, lanes int }{
		{2, 1, 1, 1}, {2, 5, 3, 1}, {3, 2, 9, 2}, {50, 1, 1, 1}, {50, 1, 7, 1}, {50, 1, 49, 1}, {50, 1, 500, 1},
		{50, 7, 3, 7}, {51, 7, 3, 7}, {52, 7, 3, 7}, {50, 12, 2, 10}, {50, 48, 1, 25}, {50, 49, 1, 49}, {50, 1000, 4, 49},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d symbols in %d lanes by %d", tt.symbols, tt.batch, tt.bptt), func(t *testing.T) {
			ids := someIDs(tt.symbols)
			targets := tt.symbols - 1
			rows := (targets + tt.batch - 1) / tt.batch
			sum, lanes := 0.0, 0
			for lo := 0; lo < targets; lo += rows {
				for _, loss := range plainLosses(t, m, ids[lo:min(lo+rows+1, len(ids))]) {
					sum += loss
				}
				lanes++
			}
			require.Equal(t, tt.lanes, lanes)
			before := live(b)
			r, err := sharnn.Evaluate(t.Context(), m, ids, sharnn.Evaluation{Batch: tt.batch, BPTT: tt.bptt})
			require.NoError(t, err)
			assert.Equal(t, before, live(b), "bytes left behind")
			assert.Equal(t, targets, r.Targets)
			assert.InEpsilon(t, sum/float64(targets), r.Nats, 1e-12)
			assert.InEpsilon(t, sum/float64(targets+lanes), r.Reference, 1e-12)
			assert.InDelta(t, r.Nats/math.Ln2, sharnn.Bits(r.Nats), 0)
		})
	}
}

func live(b backend.Backend) int64 { return b.(interface{ LiveBytes() int64 }).LiveBytes() }

func TestEvaluateRepeats(t *testing.T) {
	m := tiny(t, openCPU(t), 20)
	e := sharnn.Evaluation{Batch: 3, BPTT: 4}
	first, err := sharnn.Evaluate(t.Context(), m, someIDs(90), e)
	require.NoError(t, err)
	second, err := sharnn.Evaluate(t.Context(), m, someIDs(90), e)
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

// A memory of n shared through WithMemory is the same as one configured.
func TestEvaluateWithMemory(t *testing.T) {
	b := openCPU(t)
	m, seen := tiny(t, b, 30), map[float64]bool{}
	for _, memory := range []int{0, 4, 30} {
		e := sharnn.Evaluation{Batch: 1, BPTT: 3}
		want, err := sharnn.Evaluate(t.Context(), tiny(t, b, memory), someIDs(80), e)
		require.NoError(t, err)
		got, err := sharnn.Evaluate(t.Context(), m.WithMemory(memory), someIDs(80), e)
		require.NoError(t, err)
		assert.Equal(t, want, got, "memory %d", memory)
		seen[got.Nats] = true
	}
	assert.Len(t, seen, 3, "the memory changes nothing")
	assert.Equal(t, 30, m.Config.Memory)
}

func TestEvaluateProgressAndCancel(t *testing.T) {
	b := openCPU(t)
	m := tiny(t, b, 10)
	before := live(b)
	var done []int
	e := sharnn.Evaluation{Batch: 2, BPTT: 4, Progress: func(d, total int) {
		done = append(done, d)
		assert.Equal(t, 20, total)
	}}
	_, err := sharnn.Evaluate(t.Context(), m, someIDs(21), e)
	require.NoError(t, err)
	assert.Equal(t, []int{8, 16, 20}, done)

	ctx, cancel := context.WithCancel(t.Context())
	e.Progress = func(int, int) { cancel() }
	_, err = sharnn.Evaluate(ctx, m, someIDs(21), e)
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, before, live(b), "bytes left behind")
}

func TestEvaluateErrors(t *testing.T) {
	m := tiny(t, openCPU(t), 10)
	tests := []struct {
		ids  []int32
		want string
	}{
		{nil, "evaluating: a text of 0 symbols has nothing to predict, it needs 2"},
		{[]int32{1}, "evaluating: a text of 1 symbols has nothing to predict, it needs 2"},
		{[]int32{0, 6, 7}, "evaluating: id 7 at position 2: the model has 7 symbols"},
		{[]int32{0, -1}, "evaluating: id -1 at position 1: the model has 7 symbols"},
	}
	for _, tt := range tests {
		_, err := sharnn.Evaluate(t.Context(), m, tt.ids, sharnn.Evaluation{Batch: 1, BPTT: 1})
		assert.EqualError(t, err, tt.want)
	}
	assert.Panics(t, func() { m.WithMemory(-1) })
	assert.Panics(t, func() { sharnn.Evaluate(t.Context(), m, someIDs(9), sharnn.Evaluation{Batch: 1}) })
}
