package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// prepared is a text of bytes as the reference prepares enwik8: the number of each
// byte, but for newlines, which it leaves.
func prepared(text string) string {
	var fields []string
	for _, b := range []byte(text) {
		if b == '\n' {
			fields = append(fields, "\n")
			continue
		}
		fields = append(fields, strconv.Itoa(int(b)))
	}
	return strings.Join(fields, " ")
}

// fresh saves an untrained model.
func fresh(t *testing.T, c sharnn.Config, dtype tensor.DType, vocab corpus.Vocab) string {
	t.Helper()
	b, dir := newBackend(t), filepath.Join(t.TempDir(), "model")
	m, err := sharnn.New(b, max(dtype.Compute(), tensor.Float32), c, 1)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, vocab, nil))
	if m.DType == dtype {
		return dir
	}
	stored, _, err := sharnn.Load(b, dir, dtype)
	require.NoError(t, err)
	defer stored.Free()
	require.NoError(t, stored.Save(dir, vocab, nil))
	return dir
}

func tiny(symbols int) sharnn.Config {
	return sharnn.Config{Symbols: symbols, Width: 8, Hidden: 12, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 30}
}

// A state dict over the numbers that the reference gives bytes becomes a model over
// bytes, rows and all, and the state dict again.
func TestBytes(t *testing.T) {
	data, dir := t.TempDir(), t.TempDir()
	// By number: b, then the end of a line (that after the text too), a and space.
	require.NoError(t, os.WriteFile(filepath.Join(data, "train.txt"), []byte(prepared("bab\nb\nab \xff")), 0o666))
	reference := []string{"98", "<eos>", "97", "32", "255"}
	state := filepath.Join(dir, "state.pt")
	convert(t, "-from", fresh(t, tiny(5), tensor.Float32, nil), "-o", state)
	model := filepath.Join(dir, "model")
	assert.Contains(t, convert(t, "-from", state, "-o", model, "-data", data), "Its symbols are bytes.")
	m, vocab, err := sharnn.LoadText(newBackend(t), model, 0)
	require.NoError(t, err)
	m.Free()
	assert.Equal(t, corpus.NewByteVocab([]byte("\n ab\xff")), vocab)
	theirs, ours := tensors(t, state), tensors(t, filepath.Join(model, sharnn.WeightsFile))
	for _, name := range []string{"encoder.weight", "decoder.bias"} {
		row := len(ours[name].Data) / 5
		for id, word := range []string{"<eos>", "32", "97", "98", "255"} {
			for at, other := range reference {
				if word == other {
					assert.Equal(t, theirs[name].Data[at*row:][:row], ours[name].Data[id*row:][:row], "%s of %s", name, word)
				}
			}
		}
	}
	for _, ext := range []string{".pt", ".safetensors"} {
		back := filepath.Join(dir, "back"+ext)
		convert(t, "-from", model, "-o", back, "-data", filepath.Join(data, "train.txt"))
		assert.Equal(t, theirs, tensors(t, back))
		own := filepath.Join(dir, "own"+ext)
		assert.Contains(t, convert(t, "-from", model, "-o", own), "Rows of symbols are in this model's order")
		assert.NotEqual(t, theirs, tensors(t, own))
		again := filepath.Join(dir, "again"+ext)
		assert.NoError(t, os.RemoveAll(again))
		convert(t, "-from", own, "-o", strings.TrimSuffix(again, ext), "-like", model, "-force")
		sameFolder(t, model, strings.TrimSuffix(again, ext))
	}
}

// A dictionary of words numbers a model's words, in the same order.
func TestWords(t *testing.T) {
	dir := t.TempDir()
	words := filepath.Join(dir, "idx2word.txt")
	require.NoError(t, os.WriteFile(words, []byte("the\n<eos>\nsea\ncaf\u00e9"), 0o666))
	state, model := filepath.Join(dir, "state.pt"), filepath.Join(dir, "model")
	convert(t, "-from", fresh(t, tiny(4), tensor.Float32, nil), "-o", state)
	convert(t, "-from", state, "-o", model, "-words", words)
	m, vocab, err := sharnn.LoadText(newBackend(t), model, 0)
	require.NoError(t, err)
	m.Free()
	ids, err := vocab.Encode([]byte("the sea\ncaf\u00e9"))
	require.NoError(t, err)
	assert.Equal(t, []int32{0, 2, 1, 3}, ids)
	back := filepath.Join(dir, "back.pt")
	convert(t, "-from", model, "-o", back, "-words", words)
	assert.Equal(t, tensors(t, state), tensors(t, back))

	other := filepath.Join(dir, "other.txt")
	require.NoError(t, os.WriteFile(other, []byte("<eos>\nthe\nsea\ncaf\u00e9\n"), 0o666))
	convert(t, "-from", model, "-o", back, "-words", other, "-force")
	a, b := tensors(t, state)["decoder.weight"].Data, tensors(t, back)["decoder.weight"].Data
	assert.Equal(t, a[:32], b[32:64])
	assert.Equal(t, a[64:], b[64:])
}

// Numbers that are not those of bytes are words like any others.
func TestVocabulary(t *testing.T) {
	for text, unit := range map[string]string{
		"1 2 255\n": "byte", "1 256\n": "word", "01\n": "word", "10\n": "word", "-1\n": "word", "a\n": "word",
	} {
		v, err := corpus.LearnWords(t.Context(), []byte(text), 0, nil)
		require.NoError(t, err)
		assert.Equal(t, unit, vocabulary(v).Unit(), text)
	}
}

func TestVocabularyErrors(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
		return path
	}
	bytes := fresh(t, tiny(4), tensor.Float32, corpus.NewByteVocab([]byte("\nabc")))
	split := tiny(3)
	split.Splits = []int{1}
	words, err := corpus.LearnWords(t.Context(), []byte("a a a b b\n"), 0, nil)
	require.NoError(t, err)
	state := filepath.Join(dir, "state.pt")
	convert(t, "-from", bytes, "-o", state)
	for _, tt := range []struct{ name, from, flag, value, want string }{
		{"too few rows", state, "-words", file("five", "<eos>\na\nb\nc\nd\n"), "encoder.weight has 4 rows, the vocabulary 5 words: it was trained on another text"},
		{"no end of line", state, "-words", file("none", "a\nb\nc\nd\n"), "it has no <eos>"},
		{"no file", state, "-words", filepath.Join(dir, "missing"), "reading words: open"},
		{"no training text", state, "-data", t.TempDir(), "train.txt: no such file"},
		{"another byte", bytes, "-words", file("byte", "<eos>\n97\n98\n100\n"), `the model's byte "99" is not in the text`},
		{"a byte too many", bytes, "-words", file("more", "<eos>\n97\n98\n99\n100\n"), "the model has 4 bytes, the text of -data or -words has 5"},
		{"groups", fresh(t, split, tensor.Float32, words), "-words", file("groups", "b\na\n<eos>\n"), "the groups of an adaptive softmax go by the symbols' numbers"},
		{"tokens", "../../pplm/books/model", "-words", file("words", "<eos>\na\n"), "byte-pair tokens"},
		{"bare ids", fresh(t, tiny(4), tensor.Float32, nil), "-words", file("bare", "<eos>\n97\n98\n99\n"), "over bare ids"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			if tt.from != state {
				out += ".pt"
			}
			refused(t, tt.want, out, "-from", tt.from, "-o", out, tt.flag, tt.value)
		})
	}
}
