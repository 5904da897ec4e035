package bpe_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// ownSource is this package's source, a text of several thousand words.
func ownSource(t testing.TB) string {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var text bytes.Buffer
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		text.Write(data)
	}
	return text.String() + strings.Repeat("na\u00efve caf\u00e9 \u4f60\u597d \U0001f600 ", 9)
}

// goSource is the source of the standard library, a text of many megabytes.
func goSource(b *testing.B) string {
	text, err := corpus.GoSource("")
	require.NoError(b, err)
	return string(text.Bytes)
}

func trained(t testing.TB, size int) *bpe.Tokenizer {
	tok, err := bpe.Train(t.Context(), ownSource(t), size, nil)
	require.NoError(t, err)
	return tok
}

// everyPiece are texts of many kinds.
var everyPiece = []string{
	"", " ", "\n", "a", "func (t *T) F() {}\n\treturn\n", "It's what they'll say.", "na\u00efve \u4f60\u597d\U0001f600",
	"\x00\xff\xfe\x80", "\xe2\x82", "<|endoftext|>", strings.Repeat("a", 5000), strings.Repeat(" ", 5000),
	strings.Repeat("the", 3000), strings.Repeat("\xf0\x9f\x98", 1000),
}

// encodeSlowly is encode in GPT-2's encoder.py: of a word's pairs the one of the
// lowest rank is merged wherever it stands, and again, until none has a rank.
func encodeSlowly(tok *bpe.Tokenizer, ranks map[[2]string]int, text string) []int32 {
	var ids []int32
	for word := range bpe.Words(text) {
		var parts []string
		for i := range len(word) {
			parts = append(parts, word[i:i+1])
		}
		for {
			best, found := [2]string{}, false
			for i := range len(parts) - 1 {
				p := [2]string{parts[i], parts[i+1]}
				if r, ok := ranks[p]; ok && (!found || r < ranks[best]) {
					best, found = p, true
				}
			}
			if !found {
				break
			}
			var next []string
			for i := 0; i < len(parts); i++ {
				if i+1 < len(parts) && parts[i] == best[0] && parts[i+1] == best[1] {
					next = append(next, best[0]+best[1])
					i++
				} else {
					next = append(next, parts[i])
				}
			}
			parts = next
		}
		for _, p := range parts {
			id, ok := tok.ID(p)
			if !ok {
				panic(p)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// ranksOf numbers the merges.
func ranksOf(t testing.TB, tok *bpe.Tokenizer) map[[2]string]int {
	ranks := map[[2]string]int{}
	for i, m := range mergesOf(t, tok) {
		ranks[m] = i
	}
	return ranks
}

// mergesOf reads the merges from what Save writes, in bytes.
func mergesOf(t testing.TB, tok *bpe.Tokenizer) [][2]string {
	dir := t.TempDir()
	require.NoError(t, tok.Save(dir))
	var vocab map[string]int32
	data, err := os.ReadFile(filepath.Join(dir, bpe.VocabFile))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &vocab))
	lines, err := os.ReadFile(filepath.Join(dir, bpe.MergesFile))
	require.NoError(t, err)
	var merges [][2]string
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n")[1:] {
		left, right, ok := strings.Cut(line, " ")
		require.True(t, ok, "%q", line)
		merges = append(merges, [2]string{tok.Token(vocab[left]), tok.Token(vocab[right])})
	}
	return merges
}

func TestEncode(t *testing.T) {
	tok := trained(t, 700)
	ranks := ranksOf(t, tok)
	require.Len(t, ranks, 700-256)
	for _, text := range append(everyPiece, ownSource(t)) {
		want := encodeSlowly(tok, ranks, text)
		for range 2 { // from the cache the second time
			ids := tok.Encode(text)
			require.Equal(t, append([]int32{}, want...), ids, "%.40q", text)
		}
		require.Equal(t, text, string(tok.DecodeBytes(want)))
	}
	assert.Equal(t, append([]int32{7}, tok.Encode("abc d")...), tok.Append([]int32{7}, "abc d"))
	assert.Less(t, len(tok.Encode(ownSource(t))), len(ownSource(t))/2)
}

func TestEncodeConcurrently(t *testing.T) {
	tok, text := trained(t, 500), ownSource(t)
	want := tok.Encode(text)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				assert.Equal(t, want, tok.Encode(text))
			}
		})
	}
	wg.Wait()
}

func TestTokens(t *testing.T) {
	tok := trained(t, 300)
	assert.Equal(t, 300, tok.Size())
	assert.Empty(t, tok.Special())
	for id := range int32(300) {
		back, ok := tok.ID(tok.Token(id))
		assert.True(t, ok)
		assert.Equal(t, id, back)
	}
	_, ok := tok.ID("no such token")
	assert.False(t, ok)
	assert.Equal(t, "!", tok.Token(0), "GPT-2's order")
	assert.Equal(t, "\xad", tok.Token(255))
	for _, id := range []int32{-1, 300} {
		assert.Panics(t, func() { tok.Token(id) })
		assert.Panics(t, func() { tok.Decode([]int32{id}) })
		assert.Panics(t, func() { tok.DecodeBytes([]int32{id}) })
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, text := range everyPiece {
		f.Add(text)
	}
	tok := trained(f, 600)
	ranks := ranksOf(f, tok)
	f.Fuzz(func(t *testing.T, text string) {
		ids := tok.Encode(text)
		require.Equal(t, text, string(tok.DecodeBytes(ids)))
		require.Equal(t, ids, tok.EncodeSpecial(text), "a vocabulary without special tokens")
		plain := strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\ufffd", "")
		require.Equal(t, plain, strings.ReplaceAll(tok.Decode(ids), "\ufffd", ""), "but for replacements")
		if len(text) < 200 {
			require.Equal(t, append([]int32{}, encodeSlowly(tok, ranks, text)...), ids)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	text := goSource(b)
	tok, err := bpe.Train(b.Context(), text, 8192, nil)
	require.NoError(b, err)
	text = text[:4<<20]
	b.Run("8192", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		var ids []int32
		for b.Loop() {
			ids = tok.Append(ids[:0], text)
		}
		b.ReportMetric(float64(len(text))/float64(len(ids)), "bytes/token")
	})
	b.Run("one word", func(b *testing.B) { // the worst case: nothing is known
		word := strings.Repeat("abcdefg", 1<<16)
		b.SetBytes(int64(len(word)))
		for b.Loop() {
			tok.Encode(word)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := goSource(b)[:1<<20]
	tok, err := bpe.Train(b.Context(), text, 4096, nil)
	require.NoError(b, err)
	ids := tok.Encode(text)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		tok.Decode(ids)
	}
}
