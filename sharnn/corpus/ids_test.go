package corpus

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longText is more than is encoded into memory.
func longText(t testing.TB) []byte {
	source, err := GoSource("")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, source.Close()) })
	return bytes.Repeat(source.Bytes, 2)
}

func TestPieces(t *testing.T) {
	source := longText(t)
	tests := []struct {
		name string
		text []byte
		n    int // pieces
	}{
		{"nothing", nil, 0},
		{"short", []byte("short"), 1},
		{"lines", source, len(source) >> 20},
		{"one word", bytes.Repeat([]byte("a"), 3<<20), 1},
		{"one line", bytes.Repeat([]byte("ab cd  "), 1<<19), 4},
		{"spaces alone", bytes.Repeat([]byte(" "), 3<<20), 1},
		{"no ASCII", bytes.Repeat([]byte("\u00e9\u3002\n"), 1<<20), 6},
		{"ideographic spaces", bytes.Repeat([]byte("\u3000 "), 1<<20), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n, joined := 0, []byte{}
			for piece := range pieces(tt.text) {
				require.NotEmpty(t, piece)
				joined = append(joined, piece...)
				n++
			}
			assert.True(t, bytes.Equal(tt.text, joined))
			assert.InDelta(t, tt.n, n, 1)
		})
	}
}

// Piece by piece, and from the file that is kept, come the ids of the whole text.
func TestEncodeTextKeepsIDs(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	text := longText(t)
	tok, err := LearnTokens(t.Context(), text[:100_000], 400, nil)
	require.NoError(t, err)
	words, err := LearnWords(t.Context(), text, 0, nil)
	require.NoError(t, err)
	require.Greater(t, words.Len(), 1<<16)
	few, err := LearnWords(t.Context(), text, 1000, nil)
	require.NoError(t, err)
	for i, v := range []Vocab{tok, words, few} {
		want, err := v.Encode(text)
		require.NoError(t, err)
		for range 2 {
			ids, err := EncodeText(t.Context(), v, text, nil)
			require.NoError(t, err)
			require.NotNil(t, ids.unmap)
			require.True(t, bytes.Equal(asBytes(want), asBytes(all(ids))))
			require.Equal(t, len(text), ids.Bytes)
			require.NoError(t, ids.Close())
		}
		kept, err := filepath.Glob(filepath.Join(cache, "tiller", "ids", "*"))
		require.NoError(t, err)
		require.Len(t, kept, i+1)
	}
}

func asBytes(ids []int32) []byte {
	var b []byte
	for _, id := range ids {
		b = append(b, byte(id), byte(id>>8), byte(id>>16))
	}
	return b
}

// A kept file is made anew where it is damaged, and is not needed.
func TestEncodeTextRepairs(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	text := longText(t)
	v := learn(t, string(text), 500)
	encode := func(tell Progress) *IDs {
		ids, err := EncodeText(t.Context(), v, text, tell)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, ids.Close()) })
		return ids
	}
	want := all(encode(nil))
	encoding := func() (n int) {
		got := encode(func(what string, _, _ int64) {
			if what == "encoding" {
				n++
			}
		})
		require.True(t, bytes.Equal(asBytes(want), asBytes(all(got))))
		return n
	}
	assert.Zero(t, encoding())
	kept, err := filepath.Glob(filepath.Join(cache, "tiller", "ids", "*.ids"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	whole, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	flipped := bytes.Clone(whole)
	flipped[1000] ^= 1
	for _, damaged := range [][]byte{flipped, whole[:len(whole)-1], whole[2:], nil} {
		require.NoError(t, os.Remove(kept[0])) // a mapped file is never written to
		require.NoError(t, os.WriteFile(kept[0], damaged, 0o666))
		assert.Positive(t, encoding())
		assert.Zero(t, encoding())
	}

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	t.Setenv("XDG_CACHE_HOME", file)
	assert.Positive(t, encoding(), "there is no cache folder")
	t.Setenv("XDG_CACHE_HOME", cache)
	require.NoError(t, os.Remove(kept[0]))
	require.NoError(t, os.Mkdir(kept[0], 0o777))
	_, err = EncodeText(t.Context(), v, text, nil)
	assert.ErrorContains(t, err, "keeping the encoded text: writing "+kept[0])
	left, err := os.ReadDir(filepath.Dir(kept[0]))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing is left of what could not be kept")
}

// A cache folder that can only be read is used as far as that goes.
func TestReadOnlyCache(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write anywhere")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	ids := filepath.Join(cache, "tiller", "ids")
	require.NoError(t, os.MkdirAll(ids, 0o777))
	for _, dir := range []string{ids, filepath.Dir(ids)} {
		require.NoError(t, os.Chmod(dir, 0o555))
		t.Cleanup(func() { os.Chmod(dir, 0o777) })
	}
	text := longText(t)
	v := learn(t, string(text), 500)
	got, err := EncodeText(t.Context(), v, text, nil)
	require.NoError(t, err)
	require.NotNil(t, got.unmap)
	require.NoError(t, got.Close())
	joined, err := Open(t.Context(), writeTree(t, map[string]string{"a": "one", "b": "two"}), nil)
	require.NoError(t, err)
	require.NoError(t, joined.Close())
}

func TestEncodeTextStops(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	text := longText(t)
	for _, v := range []Vocab{NewByteVocab(text), learn(t, string(text), 500)} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := EncodeText(ctx, v, text, func(what string, done, _ int64) {
			if what != "reading" {
				cancel()
			}
		})
		assert.ErrorIs(t, err, context.Canceled)
	}
	left, err := filepath.Glob(filepath.Join(cache, "tiller", "ids", "*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

// Where something cannot be expressed is told from the beginning of the text.
func TestEncodeTextErrors(t *testing.T) {
	text := bytes.Repeat([]byte("word "), 1<<20)
	text[4_000_001] = 'x'
	_, err := EncodeText(t.Context(), NewByteVocab([]byte("word ")), text, nil)
	assert.ErrorContains(t, err, "byte 0x78 ('x') at offset 4000001 is not among the 5 symbols")
	_, err = EncodeText(t.Context(), learn(t, "word\n", 0), text, nil)
	assert.ErrorContains(t, err, `the word "wxrd" at offset 4000000 is not among the 2 words`)
}

// Wherever a text is cut, its pieces give the ids of the whole.
func FuzzPieces(f *testing.F) {
	for _, text := range []string{
		"two words\nand  two\r\n more's \n\n", "\u00e9\u3002\n\u3000 \u00a0 x", "a\x1c \x85 \xc2\x85 \xe2\x80 \xe3 b", "12 3\t\n 4 \x00 \n",
	} {
		f.Add([]byte(text))
	}
	tok, err := LearnTokens(f.Context(), shells, 270, nil)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text []byte) {
		vocabs := []Vocab{tok}
		if words, err := LearnWords(t.Context(), text, 0, nil); err == nil {
			vocabs = append(vocabs, words)
		}
		for _, v := range vocabs {
			want, err := v.Encode(text)
			require.NoError(t, err)
			got := []int32{}
			for rest := text; len(rest) > 0; {
				n := cut(rest, 1)
				ids, err := v.Encode(rest[:n])
				require.NoError(t, err)
				got, rest = append(got, ids...), rest[n:]
			}
			require.Equal(t, append([]int32{}, want...), got)
		}
	})
}

// Any number of runs may encode the same text at once.
func TestEncodeTextTogether(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	text := longText(t)
	v := learn(t, string(text), 500)
	want, err := v.Encode(text)
	require.NoError(t, err)
	var wait sync.WaitGroup
	for range 3 {
		wait.Go(func() {
			ids, err := EncodeText(t.Context(), v, text, nil)
			if assert.NoError(t, err) {
				assert.True(t, bytes.Equal(asBytes(want), asBytes(all(ids))))
				assert.NoError(t, ids.Close())
			}
		})
	}
	wait.Wait()
	kept, err := os.ReadDir(filepath.Join(cache, "tiller", "ids"))
	require.NoError(t, err)
	assert.Len(t, kept, 1)
}

func FuzzParseIDs(f *testing.F) {
	for _, n := range []int{300, 70_000} {
		var words []string
		for i := range n - 1 {
			words = append(words, strconv.Itoa(i))
		}
		v, err := makeWordVocab(append(words, EndOfLine))
		require.NoError(f, err)
		var file bytes.Buffer
		require.NoError(f, writeIDs(f.Context(), &file, v, []byte(words[5]+" "+words[7]+"\n"), nil))
		f.Add(file.Bytes(), n)
		ids, err := parseIDs(file.Bytes(), n)
		require.NoError(f, err)
		require.Equal(f, []int32{5, 7, int32(n - 1)}, all(ids))
		_, err = parseIDs(file.Bytes(), n-1)
		require.ErrorIs(f, err, errDamaged)
	}
	f.Add([]byte{}, 5)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		ids, err := parseIDs(bytes.Clone(data), n)
		if err != nil {
			return
		}
		for i := range ids.Len() {
			if id := ids.At(i); id < 0 || int(id) >= n {
				t.Fatalf("id %d of %d", id, n)
			}
		}
	})
}

// BenchmarkEncode is the speed at which a text becomes a file of ids.
func BenchmarkEncode(b *testing.B) {
	text, err := GoSource("")
	require.NoError(b, err)
	tok, err := LearnTokens(b.Context(), text.Bytes[:1<<20], 4096, nil)
	require.NoError(b, err)
	for name, v := range map[string]Vocab{"bpe": tok, "words": learn(b, string(text.Bytes), 0)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text.Bytes)))
			for b.Loop() {
				if err := writeIDs(b.Context(), io.Discard, v, text.Bytes, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan is the pass over all bytes that a run begins with.
func BenchmarkScan(b *testing.B) {
	text := make([]byte, 16<<20)
	for i := range text {
		text[i] = byte(rand.N(200))
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Scan(b.Context(), text, nil)
	}
}
