package onnx

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// newModel draws every parameter, so that none is without effect: the norms'
// near 1 and 0, the others so that gates and weights of attention are neither
// flat nor saturated.
func newModel(t *testing.T, c sharnn.Config) *sharnn.Model {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	m, err := sharnn.New(b, tensor.Float32, c, 1)
	require.NoError(t, err)
	t.Cleanup(func() {
		m.Free()
		b.Close()
	})
	site := uint32(0)
	for _, p := range m.Params() {
		site++
		std := 1.0
		if p.Value.Rank() == 2 {
			std = 0.5
		}
		p.Normal(b, std, tensor.Key{Seed: 2, Site: site})
	}
	for _, l := range m.Blocks {
		for _, n := range []*nn.LayerNorm{l.LNStart, l.LNMid, l.LNMem, l.LNFF, l.LNXFF} {
			b.Unary(backend.Unary{Kind: backend.Affine, A: 0.3, B: 1}, n.Weight.Value, n.Weight.Value)
		}
	}
	return m
}

// The forms that a model can have.
var forms = []struct {
	name   string
	config sharnn.Config
}{
	{"one attention", sharnn.Config{Symbols: 11, Width: 16, Hidden: 72, Layers: 3, Attention: []int{1}, Heads: 1, Memory: 16}},
	{"all attend, two heads, residual", sharnn.Config{Symbols: 11, Width: 16, Hidden: 64, Layers: 2, Attention: []int{0, 1}, Heads: 2, Memory: 16, Residual: true}},
	{"collapsed", sharnn.Config{Symbols: 11, Width: 8, Hidden: 8, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 16, Collapsed: true}},
	{"the reference's slip", sharnn.Config{Symbols: 11, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0, 1}, Heads: 1, Memory: 16, MemoryQuirk: true}},
	{"attention without memory", sharnn.Config{Symbols: 11, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1}},
	{"adaptive softmax", sharnn.Config{Symbols: 23, Width: 8, Hidden: 16, Layers: 1, Heads: 1, Splits: []int{5}}},
	{"adaptive softmax of four groups", sharnn.Config{Symbols: 23, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 16, Splits: []int{4, 5, 14}}},
	{"no attention", sharnn.Config{Symbols: 11, Width: 8, Hidden: 16, Layers: 1, Heads: 1, Memory: 16}},
}

// saved writes m to a file of its own.
func saved(t *testing.T, m *sharnn.Model) string {
	path := filepath.Join(t.TempDir(), "model.onnx")
	require.NoError(t, Save(t.Context(), path, m, nil, nil))
	return path
}
