package sharnn_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

func TestPrompt(t *testing.T) {
	tests := []struct {
		vocab, text string
		want        []int32
		err         string
	}{
		{"ab\n", "ba", []int32{2, 1}, ""},
		{"\tab\n", "", []int32{1}, ""},
		{"abc", "", []int32{0}, ""},
		{"ab", "abXa", nil, `prompt: byte 0x58 ('X') at offset 2 is not among the 2 symbols of the vocabulary`},
	}
	for _, tt := range tests {
		ids, err := sharnn.Prompt(corpus.NewByteVocab([]byte(tt.vocab)), []byte(tt.text))
		if tt.err != "" {
			assert.EqualError(t, err, tt.err)
		} else {
			assert.NoError(t, err)
		}
		assert.Equal(t, tt.want, ids)
	}
	words, err := corpus.LearnWords(t.Context(), []byte("a b a\n"), 0, nil)
	require.NoError(t, err)
	for text, want := range map[string][]int32{" b": {1}, "": {2}, " \t": {2}, "\n": {2}} {
		ids, err := sharnn.Prompt(words, []byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, ids, "%q", text)
	}
}

func TestLoadVocab(t *testing.T) {
	tests := []struct{ vocab, want string }{
		{"[10,97]", ""},
		{"", "config.json: the model is over bare ids: it has no vocab"},
		{"[10]", "config.json: vocab has 1 symbols, ntoken says 2"},
		{"[10,300]", "config.json: vocab: reading vocabulary: entry 1 is 300 after 10, want ascending byte values up to 255"},
		{`{"a":1}`, "config.json: vocab: reading vocabulary: json: cannot unmarshal object into Go value of type []int"},
		{`"bpe"`, "config.json: vocab: DIR: reading a vocabulary: open vocab.json: no such file or directory"},
	}
	for _, tt := range tests {
		d := sharnn.Description{Config: sharnn.Config{Symbols: 2}, Vocab: json.RawMessage(tt.vocab)}
		dir := t.TempDir()
		v, err := d.LoadVocab(dir)
		if tt.want != "" {
			assert.EqualError(t, err, strings.ReplaceAll(tt.want, "DIR", dir))
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, "\na", string(v.Decode([]int32{0, 1})))
	}
}

// savedFolder is a real checkpoint: its config.json and model.safetensors.
func savedFolder(t testing.TB, b backend.Backend) (config, weights []byte) {
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 3, Width: 4, Hidden: 8, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 9,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	dir := t.TempDir()
	require.NoError(t, m.Save(dir, corpus.NewByteVocab([]byte("\nab")), map[string]string{"step": "12"}))
	return readFile(t, dir, sharnn.ConfigFile), readFile(t, dir, sharnn.WeightsFile)
}

func readFile(t testing.TB, dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return data
}

// counting notes the most bytes that were allocated at a time.
type counting struct {
	backend.Backend
	most int64
}

func (c *counting) Alloc(dtype tensor.DType, n int) (tensor.Buffer, error) {
	c.most = max(c.most, live(c.Backend)+int64(dtype.Bytes(n)))
	return c.Backend.Alloc(dtype, n)
}

// descriptionHeap is what a description alone may take of the heap, in bytes: it
// may speak of 65536 blocks, and the names of their weights are looked up.
const descriptionHeap = 1 << 20

// loadDamaged loads a folder that may be damaged in any way. Whatever comes of
// it, nothing panics, nothing stays allocated, and the allocations are what the
// files justify: a byte of a weight may become a float64, and beside each weight
// that the configuration is checked against stand at most a few of its size.
func loadDamaged(t testing.TB, b backend.Backend, dir string, config, weights []byte) error {
	require.NoError(t, os.WriteFile(filepath.Join(dir, sharnn.ConfigFile), config, 0o666))
	require.NoError(t, os.WriteFile(filepath.Join(dir, sharnn.WeightsFile), weights, 0o666))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	held := live(b)
	c := &counting{Backend: b}
	m, v, err := sharnn.LoadText(c, dir, 0)
	if err == nil {
		require.Equal(t, m.Config.Symbols, v.Len())
		m.Free()
	}
	runtime.ReadMemStats(&after)
	require.Equal(t, held, live(b), "bytes left behind")
	files := int64(len(config) + len(weights))
	require.LessOrEqual(t, c.most-held, 64*files, "tensor bytes")
	require.LessOrEqual(t, int64(after.TotalAlloc-before.TotalAlloc), descriptionHeap+200*files, "bytes of the heap")
	return err
}

func TestLoadDamaged(t *testing.T) {
	b := openCPU(t)
	dir := t.TempDir()
	config, weights := savedFolder(t, b)
	require.NoError(t, loadDamaged(t, b, dir, config, weights))
	for i := range config {
		if loadDamaged(t, b, dir, config[:i], weights) == nil && i < len(config)-1 {
			t.Errorf("a description cut to %d of %d bytes was taken", i, len(config))
		}
		for _, c := range []byte{config[i] ^ 1, '9', '-', '"', 0xff} {
			loadDamaged(t, b, dir, replaced(config, i, c), weights)
		}
	}
	for _, name := range []string{"ntoken", "emsize", "nhid", "nlayers", "heads", "mem"} {
		number := regexp.MustCompile(`("` + name + `": )\d+`)
		for _, n := range []string{"65536", "1073741824", "9223372036854775807"} {
			err := loadDamaged(t, b, dir, number.ReplaceAll(config, []byte("${1}"+n)), weights)
			assert.Equal(t, name == "mem", err == nil, "%s of %s: %v", name, n, err)
		}
	}
	for i := 0; i < len(weights); i += 1 + i/100 {
		assert.Error(t, loadDamaged(t, b, dir, config, weights[:i]), "weights cut to %d of %d bytes", i, len(weights))
		for _, c := range []byte{weights[i] ^ 1, '9', '"', 0xff} {
			loadDamaged(t, b, dir, config, replaced(weights, i, c))
		}
	}
}

func replaced(data []byte, i int, c byte) []byte {
	damaged := append([]byte{}, data...)
	damaged[i] = c
	return damaged
}

func FuzzLoad(f *testing.F) {
	b, err := backend.Open("cpu", backend.Config{Threads: 1})
	require.NoError(f, err)
	f.Cleanup(func() { b.Close() })
	config, weights := savedFolder(f, b)
	f.Add(config, weights)
	f.Add([]byte(`{"ntoken":1,"emsize":1,"nhid":1,"nlayers":65536,"heads":1,"attn_layers":[0],"dtype":"float64","vocab":[1]}`), weights)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, config, weights []byte) { loadDamaged(t, b, dir, config, weights) })
}
