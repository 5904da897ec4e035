package sharnn_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// trained are three segments of a model that trains: losses, gradients, and the
// bytes in use where the last backward pass begins.
func trained(t *testing.T, c sharnn.Config, recompute bool, drop func(segment uint32) sharnn.Dropouts) (numbers []float64, held int64) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, c, 1)
	require.NoError(t, err)
	defer m.Free()
	m.Recompute = recompute
	state := m.NewState(2)
	defer state.Free()
	values := nn.Tensors(m)
	tape := autograd.NewTape(b, values...)
	const T = 12
	for segment := range uint32(3) {
		before := b.LiveBytes()
		ids := make([]int32, 2*T+2)
		for i := range ids {
			ids[i] = int32(tensor.Key{Seed: 7, Step: segment}.Block(uint64(i))[0] % uint32(c.Symbols))
		}
		x := tape.Own(backend.FromSlice(b, ids[:2*T], T, 2))
		y := tape.Own(backend.FromSlice(b, ids[2:], T, 2))
		h, next := m.Run(m.Embed(x, drop(segment)), state.Carry(tape, T), drop(segment))
		loss := m.Loss(h, y)
		state.Advance(next)
		held = b.LiveBytes() - before
		wrt := make([]*autograd.Var, len(values))
		for i, v := range values {
			wrt[i] = tape.Leaf(v)
		}
		grads := tape.Grad(loss, wrt...)
		numbers = append(numbers, wide(t, b, loss.Value)...)
		for _, g := range grads {
			if g != nil {
				numbers = append(numbers, wide(t, b, g)...)
			}
		}
		backend.Release(b, grads...)
		tape.Reset()
	}
	return numbers, held
}

func TestRecompute(t *testing.T) {
	for name, c := range map[string]sharnn.Config{
		"all attend":    {Symbols: 30, Width: 16, Hidden: 64, Layers: 4, Heads: 2, Memory: 30, Attention: []int{0, 1, 2, 3}},
		"one attends":   {Symbols: 30, Width: 16, Hidden: 64, Layers: 4, Heads: 1, Memory: 30, Attention: []int{2}},
		"no memory":     {Symbols: 30, Width: 16, Hidden: 64, Layers: 4, Heads: 1, Attention: []int{2}},
		"residual, one": {Symbols: 30, Width: 16, Hidden: 32, Layers: 1, Heads: 1, Residual: true},
	} {
		t.Run(name, func(t *testing.T) {
			drop := func(segment uint32) sharnn.Dropouts {
				return sharnn.Rates{Output: 0.1, Hidden: 0.2, Embedding: 0.1, Recurrent: 0.3}.At(4, segment)
			}
			want, plain := trained(t, c, false, drop)
			got, held := trained(t, c, true, drop)
			assert.Equal(t, want, got)
			if c.Layers > 1 {
				assert.Less(t, held, plain/2, "bytes")
			}
		})
	}
}

// Weight drop is a pass with the weights that are left, scaled up; each block and
// each segment has its own, and the gradient of one that is dropped is 0.
func TestWeightDrop(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{Symbols: 9, Width: 8, Hidden: 16, Layers: 2, Heads: 1}, 1)
	require.NoError(t, err)
	defer m.Free()
	x := backend.FromSlice(b, []int32{1, 2, 3, 4, 5, 6}, 3, 2)
	defer backend.Release(b, x)
	run := func(drop sharnn.Dropouts) (h, grad []float64) {
		w := m.Blocks[1].RNN.WeightHH.Value
		tape := autograd.NewTape(b, w)
		defer tape.Free()
		out, _ := m.Run(m.Embed(tape.Leaf(x), drop), nil, drop)
		h = wide(t, b, out.Value)
		g := tape.Grad(autograd.Sum(autograd.Mul(out, out)), tape.Leaf(w))
		defer backend.Release(b, g...)
		return h, wide(t, b, g[0])
	}
	rates := sharnn.Rates{Recurrent: 0.4}
	dropped, grad := run(rates.At(3, 5))
	again, _ := run(rates.At(3, 5))
	assert.Equal(t, dropped, again)
	other, _ := run(rates.At(3, 6))
	assert.NotEqual(t, dropped, other)

	var masks [2][]float64
	for i, l := range m.Blocks {
		w := l.RNN.WeightHH.Value
		mask := backend.New(b, w.DType, w.Shape...)
		b.Random(mask, backend.Dist{Kind: backend.Mask, A: 0.4}, rates.At(3, 5)(sharnn.Place{Block: i, Site: sharnn.SiteRecurrent}).Key)
		masks[i] = wide(t, b, mask)
		b.Binary(backend.Mul, w, w, mask)
		backend.Release(b, mask)
	}
	assert.NotEqual(t, masks[0], masks[1])
	by, _ := run(nil)
	assert.Equal(t, by, dropped)
	for i, m := range masks[1] {
		assert.Equal(t, m == 0, grad[i] == 0, "element %d", i)
	}
	assert.Equal(t, "blocks.1.rnn.weight_hh_l0", sharnn.Place{Block: 1, Site: sharnn.SiteRecurrent}.String())
}
