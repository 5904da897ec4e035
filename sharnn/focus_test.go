package sharnn

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

func focusBackend(t *testing.T) backend.Backend {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// With a query matrix of 0 the query is the norm's offset, here (4, 0), halved by
// s(qs) = s(0), and by s(ks) = s(0) again: q = (1, 0). So with keys (x, 0) the weights
// are the softmax of x / sqrt(2) over the positions that are seen.
func TestAttentionWeightsByHand(t *testing.T) {
	b := focusBackend(t)
	a := NewAttention(b, tensor.Float64, 2, 1, false)
	offset := backend.FromSlice(b, []float64{4, 0}, 2)
	defer backend.Release(b, offset)
	b.Copy(a.QLN.Bias.Value, offset)

	tape := autograd.NewTape(b)
	defer tape.Free()
	r := math.Sqrt2 * math.Ln2 // a key of r weighs twice one of 0
	h := tape.Own(backend.FromSlice(b, []float64{5, 6, 7, 8}, 2, 1, 2))
	past := tape.Own(backend.FromSlice(b, []float64{0, 9, 2 * r, 9}, 2, 1, 2))
	own := tape.Own(backend.FromSlice(b, []float64{r, 9, 3 * r, 9}, 2, 1, 2))
	w := a.Weights(h, []*autograd.Var{past, own}) // (1, 1, 2, 4)
	got, err := backend.Floats(b, w.Value)
	require.NoError(t, err)
	assert.InDeltaSlice(t, []float64{1. / 7, 4. / 7, 2. / 7, 0, 1. / 15, 4. / 15, 2. / 15, 8. / 15}, got, 1e-12)

	f := Focus{First: 11}
	require.NoError(t, f.add(b, w, 10)) // the query at 10 is not asked for
	require.Len(t, f.Weights, 1)
	assert.InDeltaSlice(t, []float64{8. / 15, 2. / 15, 4. / 15, 1. / 15}, f.Weights[0], 1e-12)
	f = Focus{First: 10}
	require.NoError(t, f.add(b, w, 10))
	assert.InDeltaSlice(t, []float64{2. / 7, 4. / 7, 1. / 7}, f.Weights[0], 1e-12)
}

func focusModel(t *testing.T, memory, heads int, attention ...int) *Model {
	m, err := New(focusBackend(t), tensor.Float64, Config{Symbols: 7, Width: 8, Hidden: 16, Layers: 3, Attention: attention, Heads: heads, Memory: memory}, 3)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	for _, i := range attention { // as drawn, all weights are about the same
		w := m.Blocks[i].Attn.Q.Weight.Value
		m.Backend.Unary(backend.Unary{Kind: backend.Affine, A: 40}, w, w)
	}
	return m
}

func someIDs(n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32(tensor.Key{Seed: 2}.Block(uint64(i))[0] % 7)
	}
	return ids
}

// Each query sees as much of the past as the memory has, and its weights add up to 1.
func TestLookBackSeesTheMemory(t *testing.T) {
	for _, c := range []struct{ memory, bptt, n, queries int }{
		{0, 4, 10, 10}, {6, 4, 25, 25}, {6, 1, 12, 12}, {100, 7, 30, 12}, {8, 3, 20, 50},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			m := focusModel(t, c.memory, 2, 0, 2)
			got, err := LookBack(t.Context(), m, someIDs(c.n), c.queries, c.bptt)
			require.NoError(t, err)
			require.Len(t, got, 2)
			for i, f := range got {
				assert.Equal(t, 2*i, f.Block)
				assert.Equal(t, max(c.n-c.queries, 0), f.First)
				require.Len(t, f.Weights, c.n-f.First)
				for k, row := range f.Weights {
					at := f.First + k
					begin := at / c.bptt * c.bptt
					T := min(c.bptt, c.n-begin)
					assert.Len(t, row, at-begin+1+min(begin, max(c.memory-T, 0)), "query %d", at)
					sum := 0.0
					for _, w := range row {
						require.GreaterOrEqual(t, w, 0.0)
						sum += w
					}
					assert.InDelta(t, 1, sum, 1e-12, "query %d", at)
				}
			}
		})
	}
}

// Where the memory has room for everything, segments do not matter.
func TestLookBackInSegments(t *testing.T) {
	m, ids := focusModel(t, 1000, 1, 1), someIDs(40)
	whole, err := LookBack(t.Context(), m, ids, 15, 40)
	require.NoError(t, err)
	uniform := true
	for _, bptt := range []int{1, 7, 13} {
		parts, err := LookBack(t.Context(), m, ids, 15, bptt)
		require.NoError(t, err)
		for i, row := range whole[0].Weights {
			require.InDeltaSlice(t, row, parts[0].Weights[i], 1e-9, "query %d", i)
			uniform = uniform && math.Abs(row[0]*float64(len(row))-1) < 0.01
		}
	}
	assert.False(t, uniform, "nothing was compared")
}

func TestLookBackErrors(t *testing.T) {
	m := focusModel(t, 5, 1, 1)
	_, err := LookBack(t.Context(), m, []int32{1, 7}, 2, 2)
	assert.EqualError(t, err, "looking back: id 7 at position 1: the model has 7 symbols")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = LookBack(ctx, m, someIDs(5), 2, 2)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Panics(t, func() { LookBack(t.Context(), m, someIDs(5), 2, 0) })
	none, err := LookBack(t.Context(), focusModel(t, 5, 1), someIDs(5), 2, 2)
	require.NoError(t, err)
	assert.Empty(t, none)
}
