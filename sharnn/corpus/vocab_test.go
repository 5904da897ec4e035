package corpus

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/bpe"
)

// shells is a text of tokens that have two bytes and more.
var shells = []byte(strings.Repeat("she sells sea shells by the sea shore\n", 8))

func tokens(t *testing.T) TokenVocab {
	tok, err := bpe.Train(t.Context(), string(shells), 270, nil)
	require.NoError(t, err)
	return TokenVocab{tok}
}

func TestVocabs(t *testing.T) {
	words, err := LearnWords(t.Context(), shells, 0, nil)
	require.NoError(t, err)
	for _, v := range []Vocab{NewByteVocab(shells), tokens(t), words} {
		ids, err := v.Encode(shells)
		require.NoError(t, err)
		if v != Vocab(words) {
			require.Equal(t, string(shells), string(v.Decode(ids)))
		}

		dir := t.TempDir()
		saved, err := v.Save(dir)
		require.NoError(t, err)
		doc, err := json.MarshalIndent(struct{ Vocab json.RawMessage }{saved}, "", "  ")
		require.NoError(t, err)
		var read struct{ Vocab json.RawMessage }
		require.NoError(t, json.Unmarshal(doc, &read))
		back, err := LoadVocab(dir, read.Vocab)
		require.NoError(t, err)
		assert.Equal(t, v.Len(), back.Len())
		assert.Equal(t, v.Unit(), back.Unit())
		again, err := back.Encode(shells)
		require.NoError(t, err)
		assert.Equal(t, ids, again)
	}
}

func TestLoadVocabErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := LoadVocab(dir, json.RawMessage(`"bpe"`))
	assert.EqualError(t, err, dir+": reading a vocabulary: open vocab.json: no such file or directory")
	_, err = tokens(t).Save(dir)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, bpe.MergesFile), 40))
	_, err = LoadVocab(dir, json.RawMessage(`"bpe"`))
	assert.ErrorContains(t, err, "no merge makes")
	_, err = LoadVocab(dir, json.RawMessage(`"letters"`))
	assert.ErrorContains(t, err, "cannot unmarshal string")
}

func TestPerByte(t *testing.T) {
	perByte := func(v Vocab, text string) float64 {
		ids, err := EncodeText(t.Context(), v, []byte(text), nil)
		require.NoError(t, err)
		return ids.PerByte()
	}
	assert.Equal(t, 1.0, perByte(NewByteVocab(shells), "she sells"))
	v := tokens(t)
	all, err := v.Encode(shells)
	require.NoError(t, err)
	first := len(v.Decode(all[:1]))
	require.Greater(t, first, 1)
	assert.Equal(t, float64(len(all)-1)/float64(len(shells)-first), perByte(v, string(shells)))
	assert.True(t, math.IsNaN(perByte(v, string(v.Decode(all[:1])))))
	w, err := LearnWords(t.Context(), shells, 0, nil)
	require.NoError(t, err)
	assert.Equal(t, 4.0/(20-5), perByte(w, "  she sells shells\n\n"), "of five symbols the first has the first five bytes")
	assert.Equal(t, 4.0/(18-2), perByte(w, "\r\nshe sells shells"))
}

func TestBatchifyTokens(t *testing.T) {
	v := tokens(t)
	ids, err := v.Encode(shells)
	require.NoError(t, err)
	const B = 3
	s, err := batchify(t, shells, v, B)
	require.NoError(t, err)
	require.Equal(t, len(ids)/B, s.Rows)
	assert.Equal(t, float64(len(ids))/float64(len(shells)), s.PerByte)
	T := s.Rows - 1
	in, target := make([]int32, T*B), make([]int32, T*B)
	s.Segment(in, target, 0, T)
	for k := range in {
		at := k%B*s.Rows + k/B
		require.Equal(t, ids[at:at+2], []int32{in[k], target[k]})
	}
	_, err = batchify(t, []byte("she"), v, 2)
	assert.ErrorContains(t, err, "too short for a batch of 2: it needs at least 4 tokens, two for each")
}
