package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

func TestAttention(t *testing.T) {
	dir, _ := folder(t, `{"data": TEXT, "split": "80/10/10", "bptt": 7}`)
	for _, c := range []struct{ name, mem string }{{"a.png", "50"}, {"a.svg", "50"}, {"none.svg", "0"}, {"long.PNG", "1000"}} {
		path := filepath.Join(t.TempDir(), c.name)
		var out bytes.Buffer
		require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-attention", path, "-mem", c.mem}, nil, &out, io.Discard))
		assert.FileExists(t, path)

		// The part has 200 symbols. Without a memory 128 of them are read, and the last
		// segment of 7 has 2.
		seen := map[string]int{"50": 50, "0": 2, "1000": 200}[c.mem]
		lines := strings.Split(out.String(), "\n")
		assert.Equal(t, fmt.Sprintf("block 0 looks back over %d positions, after", seen), lines[0])
		assert.Equal(t, "  "+strings.ReplaceAll(string(text[2000-72:]), "\n", "\u00b6"), lines[1])
		rows := regexp.MustCompile(`(?m)^ +(0\.\d+) +(\d+)  (.*)\[(.)\](.*)$`).FindAllStringSubmatch(out.String(), -1)
		require.NotEmpty(t, rows)
		whole := strings.ReplaceAll(string(text), "\n", "\u00b6")
		runes := []rune(whole)
		for _, row := range rows {
			var back int
			fmt.Sscan(row[2], &back)
			require.Less(t, back, seen)
			assert.Equal(t, string(runes[1999-back]), row[4])
			assert.Contains(t, whole, row[3]+row[4]+row[5])
		}
	}
}

// A model over words has them below its picture, upright, and all blocks that attend.
func TestAttentionOfWords(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "text"), t.TempDir()
	book := strings.Repeat("the tiller turns\na ship\n", 40)
	require.NoError(t, os.WriteFile(data, []byte(book), 0o666))
	vocab, err := corpus.LearnWords(t.Context(), []byte(book), 7, nil)
	require.NoError(t, err)
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: vocab.Len(), Width: 8, Hidden: 16, Layers: 2, Attention: []int{0, 1}, Heads: 2, Memory: 20,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, vocab, nil))
	path := filepath.Join(t.TempDir(), "a.svg")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-checkpoint", dir, "-data", data, "-attention", path, "-split", "40/60", "-bptt", "5"}, nil, &out, io.Discard))
	assert.Equal(t, 2, strings.Count(out.String(), "looks back over 20 positions"), out.String())
	picture, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, want := range []string{"block 0<", "block 1<", "tiller", ">\u00b6<", "rotate(90)"} {
		assert.True(t, strings.Contains(string(picture), want), "the picture does not say %s", want)
	}
}

func TestHighest(t *testing.T) {
	weights := []float64{0.1, 0.3, 0.1, 0, 0, 0.2, 0.05, 0, 0, 0.25}
	assert.Equal(t, []int{1, 9, 5}, highest(weights, 3))
	assert.Equal(t, []int{1, 9}, highest(weights, 2))
	assert.Equal(t, []int{0}, highest([]float64{1}, 8))
}

func TestShown(t *testing.T) {
	assert.Equal(t, "a b\u00b6\u00b7\u00e9\u00b7", shown([]byte("a b\n\t\u00e9\xff")))
}

func TestAttentionErrors(t *testing.T) {
	dir, data := folder(t, "")
	for _, c := range []struct{ args, want string }{
		{"-attention a.gif", "-attention a.gif: want a name that ends in .png or .svg"},
		{"-attention a.png -json", "leave -json out"},
		{"-attention a.png -mem 0,5", "give -mem one number"},
		{"-attention DIR/none/a.png", "none/.a.png."},
	} {
		args := append(strings.Fields(strings.ReplaceAll(c.args, "DIR", dir)), "-checkpoint", dir, "-data", data)
		assert.ErrorContains(t, run(t.Context(), args, nil, io.Discard, io.Discard), c.want)
	}
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{Symbols: 4, Width: 8, Hidden: 16, Layers: 1, Heads: 1}, 1)
	require.NoError(t, err)
	defer m.Free()
	require.NoError(t, m.Save(dir, corpus.NewByteVocab(text), nil))
	err = run(t.Context(), []string{"-attention", "a.png", "-checkpoint", dir, "-data", data}, nil, io.Discard, io.Discard)
	assert.EqualError(t, err, "-attention: no block of the model attends")
}
