package head

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

func example(t *testing.T) *Head {
	h, err := New([]string{"bad", "very good", "so so"}, 4, 7)
	require.NoError(t, err)
	h.Default, h.Model, h.Hash = 1, "gpt2", "0123456789abcdef"
	for i, x := range h.Weight { // what a file holds
		h.Weight[i] = float64(float32(x))
	}
	for i, x := range h.Bias {
		h.Bias[i] = float64(float32(x))
	}
	return h
}

func TestNew(t *testing.T) {
	h, err := New([]string{"a", "b"}, 10000, 1)
	require.NoError(t, err)
	low, high, squares := 0.0, 0.0, 0.0
	for _, x := range h.Weight {
		low, high, squares = min(low, x), max(high, x), squares+x*x
	}
	assert.InDelta(t, -0.01, low, 1e-5)
	assert.InDelta(t, 0.01, high, 1e-5)
	assert.InDelta(t, 1e-4/3, squares/20000, 1e-6)
	again, err := New([]string{"a", "b"}, 10000, 1)
	require.NoError(t, err)
	assert.Equal(t, h, again)
	for _, classes := range [][]string{nil, {"a"}, {"a", "a"}, {"a", ""}} {
		_, err := New(classes, 3, 1)
		assert.Error(t, err, classes)
	}
	_, err = New([]string{"a", "b"}, 0, 1)
	assert.ErrorContains(t, err, "width is 0")
}

func TestClass(t *testing.T) {
	h := example(t)
	for label, want := range map[string]int{"": 1, "bad": 0, "very_good": 1, "so so": 2, "2": 2} {
		got, err := h.Class(label)
		require.NoError(t, err)
		assert.Equal(t, want, got, label)
	}
	for _, label := range []string{"good", "3", "-1"} {
		_, err := h.Class(label)
		assert.ErrorContains(t, err, "bad (0), very good (1), so so (2)")
	}
}

func TestCheck(t *testing.T) {
	h := example(t)
	assert.NoError(t, h.Check("copy", h.Hash, 4))
	assert.ErrorContains(t, h.Check("gpt2-medium", h.Hash, 8), `width 4, of the language model "gpt2"; those of "gpt2-medium" have width 8`)
	assert.ErrorContains(t, h.Check("other", "fedcba9876543210", 4), `"gpt2" with the hash 0123456789ab, and "other" has the hash fedcba987654`)
	h.Hash = ""
	assert.NoError(t, h.Check("other", "fedcba9876543210", 4))
}

func TestDoubt(t *testing.T) {
	h := example(t)
	assert.Empty(t, h.Doubt("other"), "Check compares the hash")
	h.Hash = ""
	assert.Equal(t, `the head was trained on the language model "gpt2" and its file has no hash: nothing tells whether "other" is the same`, h.Doubt("other"))
	assert.Empty(t, h.Doubt("gpt2"))
	h.Model = "models/gpt2"
	assert.Empty(t, h.Doubt("gpt2"))
	h.Model = ""
	assert.Empty(t, h.Doubt("other"), "the file names none")
}

func TestLogProbs(t *testing.T) {
	h := &Head{Classes: []string{"a", "b"}, Width: 2, Weight: []float64{1000, 0, 0, 1}, Bias: []float64{0, 3}}
	p := h.LogProbs([]float64{1, -2})
	assert.InDeltaSlice(t, []float64{0, -999}, p, 1e-12)
	p = h.LogProbs([]float64{0, -3})
	assert.InDeltaSlice(t, []float64{-math.Ln2, -math.Ln2}, p, 1e-12)
	assert.Panics(t, func() { h.LogProbs([]float64{1}) })
}

func TestSaveLoad(t *testing.T) {
	h, path := example(t), filepath.Join(t.TempDir(), "mood")
	require.NoError(t, h.Save(path))
	for _, p := range []string{path, path + ".safetensors"} {
		got, err := Load(p)
		require.NoError(t, err)
		assert.Equal(t, h, got)
	}
	require.NoError(t, h.Save(path+"_classifier_head"))
	require.NoError(t, os.Remove(path+".safetensors"))
	_, err := Load(path)
	require.NoError(t, err)
	h.Weight[0] = math.NaN()
	assert.ErrorContains(t, h.Save(path), "not a finite number")
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	h := example(t)
	require.NoError(t, h.Save(filepath.Join(dir, "a")))
	h.Weight[0]++
	require.NoError(t, h.Save(filepath.Join(dir, "b")))
	good, err := os.ReadFile(filepath.Join(dir, "a.json"))
	require.NoError(t, err)
	weights, err := os.ReadFile(filepath.Join(dir, "a.safetensors"))
	require.NoError(t, err)
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	change := func(name, from, to string) {
		require.Contains(t, string(good), from)
		write(name+".json", strings.Replace(string(good), from, to, 1))
		write(name+".safetensors", string(weights))
	}
	write("b.json", string(good))
	write("c.safetensors", string(weights))
	change("d", `"width": 4`, `"width": 5`)
	change("e", `"so so"`, `"bad"`)
	change("f", `"default_class": 1`, `"default_class": 3`)
	write("g.pt", "no")
	write("h.pt", "no")
	write("h.json", `{"class_size": 2, "embed_size": 4, "class_vocab": {"a": 0, "b": 2}}`)
	write("i.pt", "no")
	write("i.json", `{"class_size": 1, "embed_size": 4}`)
	write("j_epoch_3.pt", "no")
	write("j_meta.json", `{"class_size": 2, "embed_size": 4}`)
	write("k.safetensors", "")
	write("k.json", "{")
	for name, want := range map[string]string{
		"none":          "there is no " + filepath.Join(dir, "none.safetensors"),
		"none.pt":       "there is no " + filepath.Join(dir, "none.pt"),
		"b":             "its JSON has the checksum of other weights",
		"c.safetensors": "c.json: no such file",
		"d":             `tensor "mlp.weight" has shape [3 4]; 3 classes and width 5 want [3 5]`,
		"e":             `class 2 is called "bad"`,
		"f":             "default class is 3 of 3",
		"g":             "its classes are not known",
		"h":             `gives "b" the number 2`,
		"i":             "class_size is 1",
		"j_epoch_3.pt":  "not a file of torch.save",
		"k":             "unexpected end",
	} {
		_, err := Load(filepath.Join(dir, name))
		assert.ErrorContains(t, err, want, name)
		assert.ErrorContains(t, err, dir, name)
	}
}

func TestShuffledAndSplit(t *testing.T) {
	train, test := Split(1003, 0.1, 5)
	assert.Len(t, train, 902)
	assert.Len(t, test, 101)
	seen := make([]bool, 1003)
	moved := 0
	for i, r := range append(append([]int32{}, train...), test...) {
		assert.False(t, seen[r])
		seen[r] = true
		if int(r) != i {
			moved++
		}
	}
	assert.Greater(t, moved, 900)
	again, _ := Split(1003, 0.1, 5)
	assert.Equal(t, train, again)
	other, _ := Split(1003, 0.1, 6)
	assert.NotEqual(t, train, other)
	assert.NotEqual(t, Shuffled(train, tensor.Key{Step: 1}), Shuffled(train, tensor.Key{Step: 2}))
}
