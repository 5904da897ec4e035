package gpt2

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// folder is a model's folder in memory.
type folder struct {
	config  map[string]any
	tensors map[string]safetensors.Tensor
}

// newFolder is a tiny model as it is saved.
func newFolder(t *testing.T) *folder {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := New(b, tensor.Float32, tiny(), 7)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, m.Save(dir))
	require.NoError(t, m.Free())
	f := &folder{tensors: map[string]safetensors.Tensor{}}
	doc, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(doc, &f.config))
	w, err := safetensors.Open(filepath.Join(dir, WeightsFile))
	require.NoError(t, err)
	for _, x := range w.Tensors {
		x.Data = slices.Clone(x.Data)
		f.tensors[x.Name] = x
	}
	require.NoError(t, w.Close())
	return f
}

// clone is a folder that can be changed.
func (f *folder) clone() *folder { return &folder{maps.Clone(f.config), maps.Clone(f.tensors)} }

// write makes the folder with all tensors in one file.
func (f *folder) write(t *testing.T) string {
	dir := t.TempDir()
	f.writeConfig(t, dir)
	f.writeFile(t, filepath.Join(dir, WeightsFile), slices.Sorted(maps.Keys(f.tensors))...)
	return dir
}

func (f *folder) writeConfig(t *testing.T, dir string) {
	doc, err := json.Marshal(f.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ConfigFile), doc, 0o644))
}

func (f *folder) writeFile(t *testing.T, path string, names ...string) {
	var sources []safetensors.Source
	for _, name := range names {
		x := f.tensors[name]
		sources = append(sources, safetensors.Source{Name: name, DType: x.DType, Shape: x.Shape, Data: func(w io.Writer) error {
			_, err := w.Write(x.Data)
			return err
		}})
	}
	require.NoError(t, safetensors.Write(path, nil, sources))
}

// rename gives every tensor another name.
func (f *folder) rename(name func(string) string) {
	all := map[string]safetensors.Tensor{}
	for old, x := range f.tensors {
		all[name(old)] = x
	}
	f.tensors = all
}

// zeros adds a tensor.
func (f *folder) zeros(name string, shape ...int) {
	f.tensors[name] = safetensors.Tensor{DType: safetensors.F32, Shape: shape, Data: make([]byte, 4*tensor.Size(shape))}
}

// openModel opens a folder as d, until the test ends.
func openModel(t *testing.T, d tensor.DType, dir string) *Model {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	m, err := Open(b, d, dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		assert.Zero(t, b.LiveBytes())
		assert.NoError(t, b.Close())
	})
	return m
}

// openLogits opens a folder as d and reads some tokens.
func openLogits(t *testing.T, d tensor.DType, dir string) ([]float64, *Model) {
	m := openModel(t, d, dir)
	logits, s := read(t, m, m.Start(1), tokens(m, 6, 1), 1)
	s.Free()
	return logits, m
}

// Every way in which a model's files are laid out gives the same model.
func TestOpen(t *testing.T) {
	f := newFolder(t)
	plain := f.write(t)
	for _, d := range dtypes {
		want, m := openLogits(t, d, plain)
		assert.Equal(t, tiny(), m.Config)
		assert.Equal(t, filepath.Base(plain), m.Info().Name)
		hash := m.Info().Hash
		for name, layout := range map[string]func(t *testing.T, f *folder) string{
			"prefix": func(t *testing.T, f *folder) string {
				f.rename(func(name string) string { return "transformer." + name })
				f.tensors["lm_head.weight"] = f.tensors["transformer.wte.weight"]
				f.zeros("transformer.h.0.attn.bias", 1, 1, 90, 90)
				f.zeros("transformer.h.1.attn.masked_bias")
				return f.write(t)
			},
			"shards":  func(t *testing.T, f *folder) string { return f.shards(t) },
			"PyTorch": func(t *testing.T, f *folder) string { return f.torch(t) },
		} {
			t.Run(d.String()+" "+name, func(t *testing.T) {
				got, m := openLogits(t, d, layout(t, f.clone()))
				assert.Equal(t, want, got)
				assert.Equal(t, hash, m.Info().Hash)
			})
		}
	}
}

// shards makes the folder with its tensors in three files.
func (f *folder) shards(t *testing.T) string {
	dir := t.TempDir()
	f.writeConfig(t, dir)
	index := map[string]string{}
	names := slices.Sorted(maps.Keys(f.tensors))
	for i, file := range []string{"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors"} {
		some := names[i*len(names)/3 : (i+1)*len(names)/3]
		f.writeFile(t, filepath.Join(dir, file), some...)
		for _, name := range some {
			index[name] = file
		}
	}
	doc, err := json.Marshal(map[string]any{"metadata": map[string]any{"total_size": 1}, "weight_map": index})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, IndexFile), doc, 0o644))
	return dir
}

// Weights of the type asked for stay in their file; the backend allocates none.
func TestOpenMaps(t *testing.T) {
	dir := newFolder(t).write(t)
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := Open(b, tensor.Float32, dir)
	require.NoError(t, err)
	assert.Zero(t, b.LiveBytes())
	assert.Len(t, m.files, 1)
	require.NoError(t, m.Free())

	m, err = Open(b, tensor.Float64, dir)
	require.NoError(t, err)
	assert.EqualValues(t, 8*m.Info().Parameters, b.LiveBytes())
	assert.Empty(t, m.files)
	require.NoError(t, m.Free())
	assert.Zero(t, b.LiveBytes())
}

// Files of 16-bit floats are read into every type, those of bfloat16 in place.
func TestOpenNarrow(t *testing.T) {
	f := newFolder(t)
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	for name, x := range f.tensors {
		narrow := backend.New(b, tensor.BFloat16, len(x.Data)/4)
		wide := backend.New(b, tensor.Float32, len(x.Data)/4)
		require.NoError(t, b.Write(wide, x.Data))
		b.Copy(narrow, wide)
		x.Data, x.DType = make([]byte, len(x.Data)/2), safetensors.BF16
		require.NoError(t, b.Read(x.Data, narrow))
		f.tensors[name] = x
		backend.Release(b, wide, narrow)
	}
	dir := f.write(t)
	want, _ := openLogits(t, tensor.Float64, dir)
	for d, tol := range map[tensor.DType]float64{tensor.Float32: 1e-5, tensor.BFloat16: 1e-5, tensor.Int8: 0.05} {
		got, m := openLogits(t, d, dir)
		golden.Near(t, want, got, tol, d.String())
		assert.Equal(t, d == tensor.BFloat16, len(m.files) > 0, d)
	}
}

// The hash tells models apart whose weights differ anywhere that training
// changes, and none that are read as other types.
func TestHash(t *testing.T) {
	f := newFolder(t)
	dir := f.write(t)
	seen := map[string]string{}
	for _, name := range []string{"", "wte.weight", "h.2.mlp.c_proj.weight", "ln_f.bias"} {
		g := f.clone()
		if x, ok := g.tensors[name]; ok {
			x.Data = slices.Clone(x.Data)
			for i := 0; i < len(x.Data); i += 4 {
				x.Data[i] ^= 1
			}
			g.tensors[name] = x
		}
		for _, d := range dtypes {
			hash := openModel(t, d, g.write(t)).Info().Hash
			if old, ok := seen[hash]; ok {
				assert.Equal(t, old, name)
			}
			seen[hash] = name
		}
	}
	assert.Len(t, seen, 4)
	assert.Contains(t, seen, openModel(t, tensor.Float32, dir).Info().Hash)
}

// The same numbers have the same hash, however files store them.
func TestHashOfStored(t *testing.T) {
	f := newFolder(t)
	for name, x := range f.tensors {
		x.Data = slices.Clone(x.Data)
		for i := 0; i < len(x.Data); i += 4 { // what bfloat16 can hold
			clear(x.Data[i : i+2])
		}
		f.tensors[name] = x
	}
	hash := openModel(t, tensor.Float32, f.write(t)).Info().Hash
	for dtype, stored := range map[safetensors.DType]func(b []byte) []byte{
		safetensors.BF16: func(b []byte) []byte { return b[2:] },
		safetensors.F64: func(b []byte) []byte {
			x := math.Float32frombits(binary.LittleEndian.Uint32(b))
			return binary.LittleEndian.AppendUint64(nil, math.Float64bits(float64(x)))
		},
	} {
		g := f.clone()
		for name, x := range g.tensors {
			var data []byte
			for b := range slices.Chunk(x.Data, 4) {
				data = append(data, stored(b)...)
			}
			x.DType, x.Data = dtype, data
			g.tensors[name] = x
		}
		assert.Equal(t, hash, openModel(t, tensor.Float32, g.write(t)).Info().Hash, dtype)
	}
}

func TestOpenRejects(t *testing.T) {
	f := newFolder(t)
	set := func(key string, value any) func(f *folder) { return func(f *folder) { f.config[key] = value } }
	for _, c := range []struct {
		name   string
		change func(f *folder)
		want   []string // parts of the error; DIR is the folder
	}{
		{"another model", set("model_type", "llama"), []string{"DIR/config.json", `model_type is "llama", want "gpt2"`}},
		{"another activation", set("activation_function", "relu"), []string{`activation_function is "relu", want "gelu_new"`}},
		{"untied", set("tie_word_embeddings", false), []string{"tie_word_embeddings is false, want true"}},
		{"unscaled", set("scale_attn_weights", false), []string{"scale_attn_weights is false, want true"}},
		{"scaled by layer", set("scale_attn_by_inverse_layer_idx", true), []string{"scale_attn_by_inverse_layer_idx is true, want false"}},
		{"cross attention", set("add_cross_attention", true), []string{"add_cross_attention is true, want false"}},
		{"heads", set("n_head", 5), []string{"DIR/config.json", "n_embd is 36, want a multiple of n_head, 5"}},
		{"layers without end", set("n_layer", 1<<24), []string{"DIR/model.safetensors has ", "says n_layer is 16777216"}},
		{"no layers", set("n_layer", 0), []string{"n_layer is 0, want 1 to"}},
		{"huge", set("vocab_size", 1<<40), []string{"vocab_size is 1099511627776"}},
		{"eps", set("layer_norm_epsilon", -1), []string{"layer_norm_epsilon is -1"}},
		{"not a number", set("n_embd", "x"), []string{"DIR/config.json", "n_embd"}},
		{"more layers", set("n_layer", 4), []string{"DIR/model.safetensors", `no tensor "h.3.ln_1.weight"`, "[36]"}},
		{"fewer layers", set("n_layer", 2), []string{"DIR/model.safetensors", `tensor "h.2.`, "no part of the model"}},
		{"vocabulary", set("vocab_size", 54), []string{"DIR/model.safetensors", `"wte.weight" has shape [53 36], the configuration wants [54 36]`}},
		{"turned", func(f *folder) {
			x := f.tensors["h.1.attn.c_attn.weight"]
			x.Shape = []int{108, 36}
			f.tensors["h.1.attn.c_attn.weight"] = x
		}, []string{`"h.1.attn.c_attn.weight" has shape [108 36], the configuration wants [36 108]`}},
		{"missing", func(f *folder) { delete(f.tensors, "ln_f.bias") }, []string{`no tensor "ln_f.bias"`, "[36]"}},
		{"twice", func(f *folder) { f.zeros("transformer.ln_f.bias", 36) }, []string{`tensor "transformer.ln_f.bias" is also "ln_f.bias"`}},
		{"an untied decoder", func(f *folder) { f.zeros("lm_head.weight", 53, 36) }, []string{"DIR/model.safetensors", `tensor "lm_head.weight", F32 [53 36], is not "wte.weight"`}},
		{"surplus", func(f *folder) { f.zeros("h.0.extra", 1) }, []string{`tensor "h.0.extra" belongs to no part`}},
		{"integers", func(f *folder) {
			x := f.tensors["ln_f.bias"]
			x.DType = safetensors.I32
			f.tensors["ln_f.bias"] = x
		}, []string{`tensor "ln_f.bias" holds I32, want F16, BF16, F32 or F64`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := f.clone()
			c.change(g)
			dir := g.write(t)
			rejects(t, dir, c.want...)
		})
	}
}

// rejects wants an error with these parts, and nothing left behind.
func rejects(t *testing.T, dir string, parts ...string) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	for _, d := range dtypes {
		m, err := Open(b, d, dir)
		require.Error(t, err)
		assert.Nil(t, m)
		for _, part := range parts {
			assert.ErrorContains(t, err, strings.ReplaceAll(part, "DIR", dir))
		}
		assert.Zero(t, b.LiveBytes())
	}
}

// Folders whose files are not there or not whole.
func TestOpenRejectsFiles(t *testing.T) {
	f := newFolder(t)
	rejects(t, t.TempDir(), "DIR is not a folder with a GPT-2")
	t.Run("no weights", func(t *testing.T) {
		dir := t.TempDir()
		f.writeConfig(t, dir)
		rejects(t, dir, "DIR has none of model.safetensors, model.safetensors.index.json and pytorch_model.bin")
	})
	for name, file := range map[string]string{"weights": WeightsFile, "torch": TorchFile, "index": IndexFile} {
		t.Run("damaged "+name, func(t *testing.T) {
			dir := t.TempDir()
			f.writeConfig(t, dir)
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte("no weights at all"), 0o644))
			rejects(t, dir, "DIR/"+file)
		})
	}
	t.Run("cut short", func(t *testing.T) {
		dir := f.write(t)
		require.NoError(t, os.Truncate(filepath.Join(dir, WeightsFile), 20000))
		rejects(t, dir, "DIR/model.safetensors", "cut short")
	})
	shard := "model-00002-of-00003.safetensors"
	t.Run("no shard", func(t *testing.T) {
		dir := f.shards(t)
		require.NoError(t, os.Remove(filepath.Join(dir, shard)))
		rejects(t, dir, "DIR/"+shard)
	})
	for name, change := range map[string][2]string{
		"outside":   {shard, "../" + shard},
		"elsewhere": {`"wte.weight":"model-00003`, `"wte.weight":"model-00001`},
	} {
		t.Run("shard "+name, func(t *testing.T) {
			dir := f.shards(t)
			path := filepath.Join(dir, IndexFile)
			doc, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(doc), change[0])
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(doc), change[0], change[1], 1)), 0o644))
			rejects(t, dir, "DIR/"+IndexFile)
		})
	}
}
