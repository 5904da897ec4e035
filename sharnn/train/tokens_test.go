package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

var tokenFiles = []string{bpe.VocabFile, bpe.MergesFile}

// A run over tokens learns them from the training part, keeps them with every
// save, and reports losses per byte.
func TestTokens(t *testing.T) {
	data, dir := text(t, 4000), t.TempDir()
	lines, out := train(t, tiny(data, dir, "-steps", "12", "-split", "80/20", "-tokens", "bpe:290", "-sample", "30")...)
	assert.Contains(t, out, "4,000 bytes, 290 tokens of ")
	assert.Contains(t, out, "tokens\n")
	assert.Contains(t, out, "  | ")
	requireSameFiles(t, dir, newest(t, dir), tokenFiles...)

	whole, err := os.ReadFile(data)
	require.NoError(t, err)
	tok, err := bpe.Train(t.Context(), string(whole[:3200]), 290, nil)
	require.NoError(t, err)
	want := t.TempDir()
	require.NoError(t, tok.Save(want))
	requireSameFiles(t, want, dir, tokenFiles...)

	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, vocab, err := sharnn.LoadText(b, dir, 0)
	require.NoError(t, err)
	defer m.Free()
	ids, err := vocab.Encode(whole[3200:])
	require.NoError(t, err)
	r, err := sharnn.Evaluate(t.Context(), m, ids, sharnn.Evaluation{Batch: 16, BPTT: 12})
	require.NoError(t, err)
	valid := lines[len(lines)-1]
	require.Equal(t, "valid", valid.Split)
	bytes := len(vocab.Decode(ids[1:]))
	assert.Less(t, r.Targets, bytes*2/3)
	assert.InEpsilon(t, r.Nats*float64(r.Targets)/float64(bytes), valid.Loss, 1e-12)
	assert.InEpsilon(t, valid.Loss/math.Ln2, valid.BPC, 1e-12)
	assert.Less(t, lines[0].Loss, math.Log(290)*2/3, "per byte, where a token has two or more")
}

// A vocabulary is as much a part of a save as the weights are.
func TestDamagedTokens(t *testing.T) {
	data := text(t, 2000)
	args := []string{"-steps", "20", "-save-interval", "4", "-tokens", "bpe:280"}
	for _, name := range tokenFiles {
		for _, damage := range []func(string){
			func(path string) { flip(t, path) },
			func(path string) { require.NoError(t, os.Remove(path)) },
		} {
			dir := t.TempDir()
			stopAt(t, 14, tiny(data, dir, args...)...)
			damage(filepath.Join(newest(t, dir), name))
			var out bytes.Buffer
			require.NoError(t, run(t.Context(), []string{"-resume", dir}, &out, nil))
			assert.Contains(t, out.String(), "is damaged")
		}
	}
}

// A run over words with an adaptive softmax learns, and says perplexity beside
// bits; its model is read in any type, and writes.
func TestWords(t *testing.T) {
	data := filepath.Join(t.TempDir(), "book")
	whole := []byte(strings.Repeat("the tiller turns a ship by a small lever\nand the wind fills its sails\n", 80))
	require.NoError(t, os.WriteFile(data, whole, 0o666))
	for _, splits := range []string{"auto", "none", "5", "4,9", "2,6,13"} {
		t.Run(splits, func(t *testing.T) {
			dir := t.TempDir()
			lines, out := train(t, tiny(data, dir, "-steps", "40", "-tokens", "words:14", "-splits", splits, "-sample", "30", "-lr", "0.02")...)
			assert.Contains(t, out, "14 words of ")
			assert.Contains(t, out, "  | ")
			first, last := lines[0], lines[len(lines)-1]
			assert.Less(t, last.Loss, first.Loss/2)
			require.Equal(t, "test", last.Split)
			assert.Contains(t, out, fmt.Sprintf("test %.4f bits per byte (%.4f nats), perplexity %.2f per word", last.BPC, last.Loss, last.PPL))

			b, err := backend.Open("cpu", backend.Config{})
			require.NoError(t, err)
			defer b.Close()
			for _, dtype := range []tensor.DType{0, tensor.Float64, tensor.BFloat16, tensor.Int8} {
				m, vocab, err := sharnn.LoadText(b, dir, dtype)
				require.NoError(t, err)
				ids, err := corpus.EncodeText(t.Context(), vocab, whole[len(whole)*95/100:], nil)
				require.NoError(t, err)
				r, err := sharnn.EvaluateText(t.Context(), m, ids, sharnn.Evaluation{Batch: 16, BPTT: 12})
				require.NoError(t, err)
				assert.InEpsilon(t, math.Exp(r.Nats), last.PPL, 1e-2, "%v", dtype)
				assert.InEpsilon(t, math.Pow(last.PPL, ids.PerByte()), math.Exp(last.Loss), 1e-9)
				m.Free()
			}
		})
	}
}
