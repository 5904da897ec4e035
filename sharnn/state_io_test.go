package sharnn_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// logits runs a segment of T rows from a state and returns its logits' bits.
func logits(t *testing.T, m *sharnn.Model, s *sharnn.State, T, B, at int) []byte {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	ids := make([]int32, T*B)
	for i := range ids {
		ids[i] = int32((at + 7*i) % m.Config.Symbols)
	}
	in := tape.Own(backend.FromSlice(m.Backend, ids, T, B))
	h, next := m.Run(m.Embed(in, nil), s.Carry(tape, T), nil)
	s.Advance(next)
	out := m.Logits(h).Value
	data := make([]byte, out.Len()*out.DType.Size())
	require.NoError(t, m.Backend.Read(data, out))
	return data
}

func encodeState(t *testing.T, s *sharnn.State) *safetensors.File {
	var buf bytes.Buffer
	require.NoError(t, safetensors.Encode(&buf, nil, s.Sources()))
	f, err := safetensors.Parse(buf.Bytes())
	require.NoError(t, err)
	return f
}

func stateModel(t *testing.T, dtype tensor.DType, attention []int, mem int) *sharnn.Model {
	m, err := sharnn.New(openCPU(t), dtype, sharnn.Config{
		Symbols: 11, Width: 16, Hidden: 32, Layers: 2, Attention: attention, Heads: 1, Memory: mem,
	}, 3)
	require.NoError(t, err)
	t.Cleanup(m.Free)
	return m
}

// A restored state gives the bits of the one that went on, wherever the ring
// stood: growing, full, wrapped round, or shorter than a segment.
func TestStateGoesOn(t *testing.T) {
	const B = 3
	for _, c := range []struct {
		dtype     tensor.DType
		attention []int
		mem       int
		lengths   []int
	}{
		{tensor.Float32, []int{0}, 20, nil},
		{tensor.Float32, []int{0}, 20, []int{5}},
		{tensor.Float32, []int{0}, 20, []int{5, 7, 5}},
		{tensor.Float32, []int{0}, 20, []int{7, 6, 7, 5, 7, 7, 3}},
		{tensor.Float64, []int{0, 1}, 20, []int{7, 6, 7, 5, 7, 7, 3, 7}},
		{tensor.Float32, []int{0}, 4, []int{7, 7, 2}},
		{tensor.Float32, []int{0}, 0, []int{5, 5}},
		{tensor.Float64, nil, 20, []int{5, 5}},
	} {
		t.Run(fmt.Sprint(c.dtype, c.attention, c.mem, c.lengths), func(t *testing.T) {
			m := stateModel(t, c.dtype, c.attention, c.mem)
			s := m.NewState(B)
			defer s.Free()
			for i, n := range c.lengths {
				logits(t, m, s, n, B, i)
			}
			restored, err := m.RestoreState(encodeState(t, s), B)
			require.NoError(t, err)
			defer restored.Free()
			for i, n := range []int{6, 7, 4, 7, 7} {
				want := logits(t, m, s, n, B, 100+i)
				assert.Equal(t, want, logits(t, m, restored, n, B, 100+i), "segment %d", i)
			}
		})
	}
}

func TestRestoreStateRefuses(t *testing.T) {
	const B = 3
	m := stateModel(t, tensor.Float32, []int{0}, 20)
	s := m.NewState(B)
	defer s.Free()
	logits(t, m, s, 5, B, 0)
	whole := s.Sources()
	without := func(name string) []safetensors.Source {
		var out []safetensors.Source
		for _, x := range whole {
			if x.Name != name {
				out = append(out, x)
			}
		}
		return out
	}
	ring := func(numbers ...int32) []safetensors.Source {
		return append(without("blocks.0.ring"), safetensors.FromSlice("blocks.0.ring", numbers, len(numbers)))
	}
	for _, c := range []struct {
		name    string
		sources []safetensors.Source
		batch   int
		want    string
	}{
		{"no c", without("blocks.1.c"), B, "blocks.1.c"},
		{"no memory", without("blocks.0.memory"), B, "blocks.0.memory"},
		{"no block", without("blocks.1.h"), B, "tensors"},
		{"another batch", whole, B + 1, "blocks.0.h is F32 [3 16], want F32 [4 16]"},
		{"another dtype", append(without("blocks.0.h"), safetensors.FromSlice("blocks.0.h", make([]float64, 48), 3, 16)), B, "F64"},
		{"surplus", append(without(""), safetensors.FromSlice("x", []float32{1}, 1)), B, "tensors"},
		{"ring too small", ring(4, 0), B, "does not hold"},
		{"ring starts outside", ring(5, 5), B, "does not hold"},
		{"ring negative", ring(5, -1), B, "does not hold"},
		{"ring immense", ring(1<<30, 0), B, "does not hold"},
		{"ring of one", ring(5), B, "does not hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var buf bytes.Buffer
			require.NoError(t, safetensors.Encode(&buf, nil, c.sources))
			f, err := safetensors.Parse(buf.Bytes())
			require.NoError(t, err)
			_, err = m.RestoreState(f, c.batch)
			assert.ErrorContains(t, err, c.want)
		})
	}
}
