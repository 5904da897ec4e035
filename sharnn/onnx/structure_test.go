package onnx

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/onnx/onnxtest"
	"github.com/tiller-ml/tiller/tensor"
)

// operators are what a graph may be made of.
var operators = []string{"Add", "Concat", "Gather", "Gemm", "LSTM", "LayerNormalization", "LessOrEqual", "LogSoftmax", "MatMul", "Max", "Mul",
	"Range", "ReduceSum", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"}

// A graph's nodes can run in their order, each value is made once, and nothing
// is made or stored that nobody reads.
func TestTopology(t *testing.T) {
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			p := parse(t, saved(t, newModel(t, f.config)))
			made, read := map[string]bool{}, map[string]bool{}
			for name := range p.inputs {
				made[name] = true
			}
			for name, x := range p.tensors {
				assert.False(t, made[name], name)
				made[name] = true
				assert.Len(t, x[9][0], bytesOf(x), name)
			}
			for _, n := range p.nodes {
				assert.Contains(t, operators, n.text(4))
				assert.Empty(t, n.text(7), "a domain of its own")
				for _, in := range n.texts(1) {
					assert.True(t, in == "" || made[in], "%s reads %s", n.text(3), in)
					read[in] = true
				}
				for _, out := range n.texts(2) {
					assert.False(t, made[out], "%s is made twice", out)
					made[out] = true
				}
			}
			for name := range p.outputs {
				assert.True(t, made[name], name)
				read[name] = true
			}
			for name := range made {
				assert.True(t, read[name], "nobody reads %s", name)
			}
		})
	}
}

func bytesOf(x fields) int {
	size := 4
	if elemType(x.number(2)) == int64Type {
		size = 8
	}
	for _, d := range x[1] {
		size *= int(d.(uint64))
	}
	return size
}

func TestInputsAndOutputs(t *testing.T) {
	state := func(prefix, memory string, width int) map[string][]any {
		return map[string][]any{
			prefix + "blocks.0.h": {float32Type, "batch", width}, prefix + "blocks.0.c": {float32Type, "batch", width},
			prefix + "blocks.1.h": {float32Type, "batch", width}, prefix + "blocks.1.c": {float32Type, "batch", width},
			prefix + "blocks.2.h": {float32Type, "batch", width}, prefix + "blocks.2.c": {float32Type, "batch", width},
			prefix + "blocks.1.memory": {float32Type, memory, "batch", width},
		}
	}
	p := parse(t, saved(t, newModel(t, forms[0].config)))
	inputs, outputs := state("", "memory", 16), state("next.", "next_memory", 16)
	inputs["tokens"] = []any{int64Type, "segment", "batch"}
	outputs["logits"] = []any{float32Type, "segment", "batch", 11}
	assert.Empty(t, cmp.Diff(inputs, p.inputs))
	assert.Empty(t, cmp.Diff(outputs, p.outputs))

	p = parse(t, saved(t, newModel(t, sharnn.Config{Symbols: 5, Width: 8, Hidden: 8, Layers: 1, Attention: []int{0}, Heads: 1})))
	assert.Len(t, p.inputs, 3, "without memory")
	assert.Len(t, p.outputs, 3)
}

// Parameters stand under their names as they are, the tied matrix once, but for
// an LSTM's, whose gates ONNX orders otherwise.
func TestParameters(t *testing.T) {
	c := forms[0].config
	m := newModel(t, c)
	p := parse(t, saved(t, m))
	absent := 0
	for name, param := range m.Params() {
		x, ok := p.tensors[name]
		if !ok {
			absent++
			continue
		}
		want, err := backend.Data[float32](m.Backend, param.Value)
		require.NoError(t, err)
		shape := param.Value.Shape
		switch filepath.Ext(name) {
		case ".weight_ih_l0", ".weight_hh_l0":
			quarter := len(want) / 4 // i, f, g, o
			want = slices.Concat(want[:quarter], want[3*quarter:], want[quarter:2*quarter], want[2*quarter:3*quarter])
			shape = append([]int{1}, shape...)
		case ".vs":
			assert.NotEqual(t, want, floats(t, x), "vs is not collapsed")
			continue
		}
		assert.Equal(t, want, floats(t, x), name)
		assert.Equal(t, shape, dims(x), name)
	}
	// Per block two biases and lnout's two; lnmid's and lnmem's four where nothing
	// attends; of the attention qkvs, r_gate and vq's two.
	assert.Equal(t, 3*(2+2)+2*4+4, absent, "parameters that are left out")
	assert.NotContains(t, p.tensors, "decoder.weight")
}

func dims(x fields) []int {
	out := []int{}
	for _, d := range x[1] {
		out = append(out, int(d.(uint64)))
	}
	return out
}

func TestMetadata(t *testing.T) {
	c := forms[0].config
	m := newModel(t, c)
	path := filepath.Join(t.TempDir(), "model.onnx")
	require.NoError(t, Save(t.Context(), path, m, json.RawMessage("[9,\n10]"), nil))
	p := parse(t, path)
	assert.Equal(t, int64(8), p.file.number(1))
	assert.Equal(t, "tiller", p.file.text(2))
	set := p.file.messages(t, 8)
	require.Len(t, set, 1)
	assert.Equal(t, int64(17), set[0].number(2))
	pairs := p.file.pairs(t, 14)
	assert.Equal(t, "[9,10]", pairs["vocab"])
	var got sharnn.Config
	require.NoError(t, json.Unmarshal([]byte(pairs["config"]), &got))
	c.Collapsed = true
	assert.Empty(t, cmp.Diff(c, got))
	assert.False(t, m.Config.Collapsed, "the model itself is changed")
	assert.NotNil(t, m.Blocks[1].Attn.VQ)
	assert.NotContains(t, parse(t, saved(t, m)).file.pairs(t, 14), "vocab", "a model over bare ids")
}

func read(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func TestSaveIsTheSameTwice(t *testing.T) {
	m := newModel(t, forms[1].config)
	assert.Equal(t, read(t, saved(t, m)), read(t, saved(t, m)))
}

// A model too large for one file has its tensors beside it, and is the same.
func TestApart(t *testing.T) {
	m := newModel(t, forms[0].config)
	whole, path := parse(t, saved(t, m)), filepath.Join(t.TempDir(), "model.onnx")
	require.NoError(t, save(t.Context(), path, m, nil, nil, 1000))
	p, data := parse(t, path), read(t, path+DataSuffix)
	apart := 0
	for name, x := range p.tensors {
		if x.number(14) == 0 {
			assert.Equal(t, whole.tensors[name], x, name)
			continue
		}
		apart++
		where := x.pairs(t, 13)
		assert.Equal(t, "model.onnx.data", where["location"])
		at, n := number(t, where["offset"]), number(t, where["length"])
		assert.Zero(t, at%4096)
		assert.Equal(t, whole.tensors[name][9][0], data[at:at+n], name)
	}
	// Of a block the LSTM's 3, three norms' 6 and linear1's 2; of the attention q's
	// and three norms' 8 and qs, ks and vs; the embeddings and the decoder's bias.
	assert.Equal(t, 3*(3+6+2)+8+3+2, apart)

	t.Run("onnxruntime", func(t *testing.T) {
		run := draws(m.Config, 2, 5, 15, 5)
		got := onnxtest.Theirs(t, path, []onnxtest.Run{run})
		onnxtest.Compare(t, onnxtest.Ours(t, m, run), got[0], tolerance)
	})
	require.NoError(t, Save(t.Context(), path, m, nil, nil))
	assert.NoFileExists(t, path+DataSuffix, "of the model before")
}

func number(t *testing.T, s string) int {
	var n int
	require.NoError(t, json.Unmarshal([]byte(s), &n))
	return n
}

func TestSaveProgress(t *testing.T) {
	m := newModel(t, forms[0].config)
	var at []int64
	path, total := filepath.Join(t.TempDir(), "model.onnx"), int64(0)
	require.NoError(t, Save(t.Context(), path, m, nil, func(done, all int64) {
		at, total = append(at, done), all
	}))
	assert.True(t, slices.IsSorted(at))
	assert.Equal(t, total, at[len(at)-1])
}

// An export that is stopped leaves the old model.
func TestSaveCancelled(t *testing.T) {
	m := newModel(t, forms[0].config)
	path := saved(t, m)
	old := read(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	err := Save(ctx, path, m, nil, func(done, _ int64) { cancel() })
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, old, read(t, path))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, left, 1)
}

func TestSaveErrors(t *testing.T) {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	defer b.Close()
	c := forms[0].config
	double, err := sharnn.New(b, tensor.Float64, c, 1)
	require.NoError(t, err)
	defer double.Free()
	gated := newModel(t, c)
	nn.Free(gated.Backend, gated.Blocks[1].Attn)
	gated.Blocks[1].Attn = sharnn.NewAttention(gated.Backend, tensor.Float32, c.Width, 1, true)
	dir := t.TempDir()
	for _, tt := range []struct {
		name, path string
		m          *sharnn.Model
		want       string
	}{
		{"float64", "model.onnx", double, "is float64: load the model as float32"},
		{"gated attention", "model.onnx", gated, "blocks.1.attn.r.weight: there is no ONNX form for a model with it"},
		{"no folder", "none/model.onnx", newModel(t, c), "no such file or directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.ErrorContains(t, Save(t.Context(), filepath.Join(dir, tt.path), tt.m, nil, nil), "exporting to ONNX: ")
			assert.ErrorContains(t, Save(t.Context(), filepath.Join(dir, tt.path), tt.m, nil, nil), tt.want)
		})
	}
}
