package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/internal/models"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
)

func TestScore(t *testing.T) {
	m := open(t)
	prompt := []int32{456, 3, 5}
	texts := [][]int32{{1, 2, 3, 4}, {9}, {7, 8}, {}}
	together, err := score(t.Context(), m, prompt, texts)
	require.NoError(t, err)
	assert.Zero(t, together[3])
	for i, ids := range texts[:3] {
		alone, err := score(t.Context(), m, prompt, [][]int32{ids})
		require.NoError(t, err)
		assert.InEpsilon(t, alone[0], together[i], 1e-5)
		rest, err := score(t.Context(), m, append(prompt[:3:3], ids[0]), [][]int32{ids[1:]})
		require.NoError(t, err)
		first, err := score(t.Context(), m, prompt, [][]int32{ids[:1]})
		require.NoError(t, err)
		assert.InEpsilon(t, alone[0], first[0]+rest[0], 1e-5)
	}
	_, err = score(t.Context(), m, prompt, [][]int32{make([]int32, 100)})
	assert.EqualError(t, err, "the scorer model has 80 positions, the text needs 102")
}

func newScorer(t *testing.T) (dir string) {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := gpt2.New(b, tensor.Float32, gpt2.Config{Vocabulary: 457, Positions: 100, Width: 16, Layers: 1, Heads: 2, Eps: 1e-5}, 9)
	require.NoError(t, err)
	dir = t.TempDir()
	require.NoError(t, m.Save(dir))
	require.NoError(t, m.Free())
	for _, name := range []string{"vocab.json", "merges.txt"} {
		data, err := os.ReadFile(filepath.Join(golden, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
	return dir
}

func TestScorer(t *testing.T) {
	dir, out := newScorer(t), t.TempDir()
	h, err := head.New([]string{"dull", "bright"}, 16, 1)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "mood")
	require.NoError(t, h.Save(path))
	h, err = head.Load(path) // rounded
	require.NoError(t, err)
	stdout, _, err := call(t, "-B", "space", "-scorer", dir, "-judge_head", path, "-judge_label", "bright", "-out", out)
	require.NoError(t, err)
	assert.Contains(t, stdout, "perplexity under "+filepath.Base(dir)+": ")

	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, err := models.Open(b, tensor.Float32, dir)
	require.NoError(t, err)
	defer m.Free()
	texts := readTexts(t, out)
	require.Len(t, texts, 16)
	for _, x := range texts {
		prompt, err := m.Read(x.Begin)
		require.NoError(t, err)
		ids, err := m.Encode(x.Text)
		require.NoError(t, err)
		assert.Equal(t, len(ids), x.Scored)
		nats, err := score(t.Context(), m, prompt, [][]int32{ids})
		require.NoError(t, err)
		assert.InEpsilon(t, nats[0], x.Nats, 1e-5)
		assert.InEpsilon(t, math.Exp(nats[0]/float64(len(ids))), x.Perplexity, 1e-5)
		whole, err := m.Read(x.Begin + x.Text)
		require.NoError(t, err)
		means, err := represent.Means(t.Context(), m, [][]int32{whole}, false, nil)
		require.NoError(t, err)
		numbers, err := backend.Floats(b, means)
		require.NoError(t, err)
		backend.Release(b, means)
		assert.InEpsilon(t, math.Exp(h.LogProbs(numbers)[1]), *x.Class, 1e-4)
	}
}
