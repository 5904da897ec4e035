package bpe_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
)

// tokenizerCase is what case.json holds of each text and of each list of ids.
type tokenizerCase struct {
	Model  string `json:"model"`
	Size   int    `json:"vocab_size"`
	Begin  int32  `json:"bos_id"`
	Encode []struct {
		Text     string   `json:"text"`
		Words    []string `json:"pretokens"`
		IDs      []int32  `json:"ids"`
		Prefixed []int32  `json:"ids_prefix_space"`
		Special  []int32  `json:"ids_hf"`
		Decoded  string   `json:"decoded"`
		Cleaned  string   `json:"decoded_hf_cleanup"`
	} `json:"encode"`
	Decode []struct {
		IDs     []int32 `json:"ids"`
		Decoded string  `json:"decoded"`
		Cleaned string  `json:"decoded_hf_cleanup"`
	} `json:"decode"`
}

func TestGolden(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		var c tokenizerCase
		g.Decode(t, &c)
		tok, err := bpe.Load(filepath.Join(g.Dir, c.Model))
		require.NoError(t, err)
		assert.Equal(t, c.Size, tok.Size())
		assert.Equal(t, []int32{c.Begin}, tok.Special())
		require.NotEmpty(t, c.Encode)
		for _, e := range c.Encode {
			assert.Equal(t, e.Words, append([]string{}, slices.Collect(bpe.Words(e.Text))...), "%q", e.Text)
			assert.Equal(t, e.IDs, tok.Encode(e.Text), "%q", e.Text)
			assert.Equal(t, e.Prefixed, tok.Encode(" "+e.Text), "%q after a space", e.Text)
			if strings.TrimSpace(e.Text) != "" { // of blank text that library keeps nothing
				assert.Equal(t, e.Special, tok.EncodeSpecial(e.Text), "%q with special tokens", e.Text)
			}
			assert.Equal(t, e.Decoded, tok.Decode(e.IDs))
			assert.Equal(t, e.Text, string(tok.DecodeBytes(e.IDs)))
			assert.Equal(t, e.Cleaned, bpe.CleanUp(e.Decoded))
		}
		require.NotEmpty(t, c.Decode)
		for _, d := range c.Decode {
			assert.Equal(t, d.Decoded, tok.Decode(d.IDs), "%v", d.IDs)
			assert.Equal(t, d.Cleaned, bpe.CleanUp(d.Decoded), "%v", d.IDs)
		}
	}, "tokenizer*")
}
