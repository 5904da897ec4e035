package sharnn_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// softmaxes are the split points of models: none, one and two.
var softmaxes = [][]int{nil, {20}, {5, 33}}

// storedFolder saves an untrained model whose embeddings are not small.
func storedFolder(t *testing.T, width int, splits ...int) string {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 50, Width: width, Hidden: 4 * width, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 50, Splits: splits,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	e := m.Encoder.Weight.Value
	b.Unary(backend.Unary{Kind: backend.Affine, A: 20}, e, e)
	randomTombstones(b, m)
	dir := t.TempDir()
	require.NoError(t, m.Save(dir, nil, nil))
	return dir
}

// loss is the model's on symbols without meaning.
func loss(t *testing.T, m *sharnn.Model) float64 {
	ids := make([]int32, 400)
	for i := range ids {
		ids[i] = int32(50 * tensor.Key{Seed: 3}.Uniform(uint64(i)))
	}
	r, err := sharnn.Evaluate(t.Context(), m, ids, sharnn.Evaluation{Batch: 3, BPTT: 20})
	require.NoError(t, err)
	return r.Nats
}

// A model read as bf16 or int8 gives what the rounded matrices give in float32.
func TestLoadStored(t *testing.T) {
	for _, splits := range softmaxes {
		t.Run(fmt.Sprint(splits), func(t *testing.T) {
			dir := storedFolder(t, 40, splits...)
			b, err := cpu.New(backend.Config{})
			require.NoError(t, err)
			defer b.Close()
			wide, _, err := sharnn.Load(b, dir, 0)
			require.NoError(t, err)
			defer wide.Free()
			exact := loss(t, wide)
			for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
				m, _, err := sharnn.Load(b, dir, d)
				require.NoError(t, err)
				rounded, _, err := sharnn.Load(b, dir, 0)
				require.NoError(t, err)
				rounded.Collapse()
				params := map[string]*nn.Param{}
				for name, p := range rounded.Params() {
					params[name] = p
				}
				for name, p := range m.Params() {
					want := d
					if p.Value.Rank() != 2 {
						want = tensor.Float32
					}
					assert.Equal(t, want, p.Value.DType, name)
					b.Copy(params[name].Value, p.Value)
				}
				got := loss(t, m)
				assert.InDelta(t, loss(t, rounded), got, 2e-5, "%v", d)
				assert.InDelta(t, exact, got, 0.05, "%v", d)
				assert.NotEqual(t, exact, got, "%v", d)
				rounded.Free()
				m.Free()
			}
		})
	}
}

// While a model is read, the bytes in use exceed those of the model by no more
// than its largest tensor in float32.
func TestLoadStoredMemory(t *testing.T) {
	dir := storedFolder(t, 96)
	for d, share := range map[tensor.DType]float64{tensor.BFloat16: 0.55, tensor.Int8: 0.35} {
		b, err := cpu.New(backend.Config{})
		require.NoError(t, err)
		m, _, err := sharnn.Load(b, dir, d)
		require.NoError(t, err)
		narrow := b.LiveBytes()
		m.Free()
		assert.Zero(t, b.LiveBytes())
		require.NoError(t, b.Close())

		c := &counting{Backend: mustOpen(t)}
		m, _, err = sharnn.Load(c, dir, d)
		require.NoError(t, err)
		most, largest := c.most, int64(4*96*96*4)
		m.Free()
		assert.LessOrEqual(t, most, narrow+largest+2*96*97*4, "%v", d) // and the value matrix, until it is collapsed
		m, _, err = sharnn.Load(c, dir, 0)
		require.NoError(t, err)
		assert.Less(t, float64(narrow), share*float64(live(c.Backend)), "%v", d)
		m.Free()
		require.NoError(t, c.Close())
	}
}

func mustOpen(t *testing.T) backend.Backend {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	return b
}

// A gradient flows to the embeddings of a model that is only read, as steering
// a text needs; its parameters have none.
func TestStoredModelGradient(t *testing.T) {
	for _, splits := range softmaxes {
		t.Run(fmt.Sprint(splits), func(t *testing.T) {
			dir := storedFolder(t, 40, splits...)
			b, err := cpu.New(backend.Config{})
			require.NoError(t, err)
			defer b.Close()
			gradient := func(d tensor.DType) []float32 {
				m, _, err := sharnn.Load(b, dir, d)
				require.NoError(t, err)
				defer m.Free()
				e := backend.New(b, tensor.Float32, 5, 1, 40)
				defer backend.Release(b, e)
				b.Random(e, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 5})
				tape := autograd.NewTape(b, e)
				defer tape.Free()
				h, _ := m.Run(tape.Leaf(e), nil, nil)
				targets := tape.Own(backend.FromSlice(b, []int32{1, 2, 3, 4, 5}, 5, 1))
				grads := tape.Grad(m.Loss(h, targets), tape.Leaf(e))
				defer backend.Release(b, grads...)
				data, err := backend.Data[float32](b, grads[0])
				require.NoError(t, err)
				return data
			}
			want := gradient(0)
			for _, d := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
				var off, size float64
				for i, g := range gradient(d) {
					off += float64((g - want[i]) * (g - want[i]))
					size += float64(want[i] * want[i])
				}
				assert.Less(t, off, 1e-2*size, "%v", d)
				assert.Positive(t, off, "%v", d)
			}
		})
	}
}

func TestStoredModelErrors(t *testing.T) {
	dir := storedFolder(t, 40)
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	_, err = sharnn.New(b, tensor.BFloat16, sharnn.Config{Symbols: 4, Width: 4, Hidden: 4, Layers: 1, Heads: 1}, 1)
	assert.EqualError(t, err, "a new model of bfloat16: want float32 or float64")
	m, _, err := sharnn.Load(b, dir, tensor.Int8)
	require.NoError(t, err)
	defer m.Free()
	assert.PanicsWithError(t, "tracking [40 40]: weights of int8 are only read, they cannot be trained", func() {
		autograd.NewTape(b, nn.Tensors(m)...)
	})
}

// A model of bf16 or int8 can be saved and read again, bit for bit, and be read
// as float32.
func TestSaveStored(t *testing.T) {
	for i, width := range []int{40, 64, 40} { // blocks of 32 that are filled, and not
		dir := storedFolder(t, width, softmaxes[i]...)
		b, err := cpu.New(backend.Config{})
		require.NoError(t, err)
		defer b.Close()
		for _, dtype := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
			m, _, err := sharnn.Load(b, dir, dtype)
			require.NoError(t, err)
			defer m.Free()
			again := t.TempDir()
			require.NoError(t, m.Save(again, corpus.NewByteVocab([]byte("a")), nil))
			saved, d, err := sharnn.Load(b, again, 0)
			require.NoError(t, err)
			defer saved.Free()
			assert.Equal(t, dtype.String(), d.DType)
			assert.Equal(t, loss(t, m), loss(t, saved))
			for _, other := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.BFloat16, tensor.Int8} {
				as, _, err := sharnn.Load(b, again, other)
				require.NoError(t, err)
				defer as.Free()
				assert.InDelta(t, loss(t, m), loss(t, as), 1e-2, "%v as %v", dtype, other)
			}
		}
	}
}

// Bytes that are no blocks of the model's matrices are an error.
func TestSavedBlocksOfAnotherShape(t *testing.T) {
	dir := storedFolder(t, 40)
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, _, err := sharnn.Load(b, dir, tensor.Int8)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, nil, nil))
	path := filepath.Join(dir, sharnn.ConfigFile)
	doc, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(doc, []byte(`"ntoken": 50`), []byte(`"ntoken": 51`), 1), 0o666))
	_, _, err = sharnn.Load(b, dir, 0)
	assert.ErrorContains(t, err, "encoder.weight is [50 72], the configuration says [51 40]")
}

func TestParseDType(t *testing.T) {
	for name, want := range map[string]tensor.DType{
		"": 0, "float32": tensor.Float32, "float64": tensor.Float64, "bf16": tensor.BFloat16, "bfloat16": tensor.BFloat16, "int8": tensor.Int8,
	} {
		d, err := sharnn.ParseDType(name)
		require.NoError(t, err)
		assert.Equal(t, want, d, name)
	}
	for _, name := range []string{"int32", "fp8"} {
		_, err := sharnn.ParseDType(name)
		assert.EqualError(t, err, `unknown dtype "`+name+`": want float32, float64, bf16 or int8`)
	}
}
