package models_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

const folder = "../../../testdata/golden/pplm/model"

func TestOpen(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := models.Open(b, tensor.Float32, folder)
	require.NoError(t, err)
	ids, err := m.Encode("The license.")
	require.NoError(t, err)
	assert.Equal(t, "The license.", m.Decode(ids))
	assert.Equal(t, "<|endoftext|>", m.Decode([]int32{m.Begin}))
	read, err := m.Read("The license.")
	require.NoError(t, err)
	assert.Equal(t, append([]int32{m.Begin}, ids...), read)
	require.NoError(t, m.Free())
	assert.Zero(t, b.LiveBytes())
}

// A matrix may have more rows than there are tokens, to fill it up. They may be
// drawn.
func TestPaddedVocabulary(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	const tokens = 457 // of the folder
	m, err := gpt2.New(b, tensor.Float32, gpt2.Config{Vocabulary: tokens + 7, Positions: 20, Width: 16, Layers: 1, Heads: 2, Eps: 1e-5}, 9)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, m.Save(dir))
	require.NoError(t, m.Free())
	copyFiles(t, dir, "vocab.json", "merges.txt")
	x, err := models.Open(b, 0, dir)
	require.NoError(t, err)
	ids, err := x.Encode("law")
	require.NoError(t, err)
	assert.Equal(t, "law\ufffdlaw\ufffd", x.Decode(slices.Concat(ids, []int32{tokens}, ids, []int32{tokens + 6})))
	samples, err := pplm.Generate(t.Context(), x, pplm.Request{
		Prompt: []int32{x.Begin}, Length: 15, Samples: 20, Settings: pplm.Settings{Sample: true, Temperature: 5, Repetition: 1},
	}, nil)
	require.NoError(t, err)
	drawn := false
	for _, s := range samples {
		drawn = drawn || slices.Max(s.Tokens) >= tokens
		assert.NotEmpty(t, x.Decode(s.Tokens))
	}
	assert.True(t, drawn, "no text has a token of the padding")
	require.NoError(t, x.Free())
	assert.Zero(t, b.LiveBytes())
}

// copyFiles copies files of the golden folder.
func copyFiles(t *testing.T, dir string, names ...string) {
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
}

func TestChoice(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	bytes := func(args string) int64 { // beside those of the file
		var c models.Choice
		f := command.NewFlags("x", "")
		c.Flags(f)
		require.NoError(t, f.Parse(strings.Fields("-model "+folder+" "+args), io.Discard))
		m, err := c.Open(b)
		require.NoError(t, err)
		defer func() { require.NoError(t, m.Free()) }()
		return b.LiveBytes()
	}
	assert.Less(t, bytes("-dtype int8"), bytes("-dtype bf16"))
	assert.Less(t, bytes("-dtype bf16"), bytes("-dtype float64"))
	assert.Equal(t, bytes("-dtype float32"), bytes("-dtype int8 -dtype="))
	f := command.NewFlags("x", "")
	new(models.Choice).Flags(f)
	assert.EqualError(t, f.Parse([]string{"-dtype", "fp8"}, io.Discard), `invalid value "fp8" for flag -dtype: unknown dtype "fp8": want float32, float64, bf16 or int8`)
}

// A SHA-RNN over bytes reads what its vocabulary has, and names what it has not.
func TestOpenSHARNN(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{Symbols: 4, Width: 8, Hidden: 8, Layers: 1, Heads: 1}, 1)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "letters")
	require.NoError(t, m.Save(dir, corpus.NewByteVocab([]byte(" abc")), nil))
	m.Free()
	x, err := models.Open(b, 0, dir)
	require.NoError(t, err)
	assert.Equal(t, "letters", x.Info().Name)
	ids, err := x.Read("cab")
	require.NoError(t, err)
	assert.Equal(t, "cab", x.Decode(ids))
	_, err = x.Encode("cabin")
	assert.Error(t, err)
	bag, err := x.Bag(t.Context(), "cabs", []string{"cab"})
	require.NoError(t, err)
	assert.Len(t, bag.Words, 1)
	_, err = x.Bag(t.Context(), "others", []string{"cab", "inn"})
	assert.ErrorContains(t, err, `the bag others: "`)
	require.NoError(t, x.Free())
	assert.Zero(t, b.LiveBytes())
}

func TestOpenErrors(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	dir := t.TempDir()
	_, err = models.Open(b, tensor.Float32, dir)
	assert.ErrorContains(t, err, dir+" has no config.json")
	copyFiles(t, dir, "config.json", "model.safetensors", "merges.txt")
	_, err = models.Open(b, tensor.Float32, dir)
	assert.ErrorContains(t, err, "vocab.json")
	assert.Zero(t, b.LiveBytes())
}
