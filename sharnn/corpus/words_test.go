package corpus

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func learn(t testing.TB, text string, most int) *WordVocab {
	v, err := LearnWords(t.Context(), []byte(text), most, nil)
	require.NoError(t, err)
	return v
}

func TestLearnWords(t *testing.T) {
	tests := []struct {
		name, text string
		most       int
		want       string
	}{
		{"by frequency", "b a\na c a\n", 0, "a <eos> b c"},
		{"ties as they first occur", "z y x\n", 0, "z y x <eos>"},
		{"the end of a line where it first occurs", "z\ny\n", 0, "<eos> z y"},
		{"a last line that does not end", "a b", 0, "a b <eos>"},
		{"an end written out", "a <eos> b\n", 0, "<eos> a b"},
		{"an unknown word written out", "a <unk> <unk>\n", 0, "<unk> a <eos>"},
		{"nothing", "", 0, ""},
		{"white space alone", " \t ", 0, "<eos>"},
		{"the most frequent", "a a a b b c d e\n", 4, "a <unk> b <eos>"},
		{"unknown ones in their place", "a a b c d e\n", 3, "<unk> a <eos>"},
		{"unknown ones written out count", "a a a <unk> <unk> b b\n", 5, "a b <unk> <eos>"},
		{"room for all", "a b\n", 10, "a b <eos> <unk>"},
		{"the end of a line is kept", "a a b b c c\n", 3, "<unk> a <eos>"},
		{"Unicode white space", "a\u00a0b\u2003c\u0085d\u3000e\x1cf\x0bg\n", 0, "a b c d e f g <eos>"},
		{"not white space", "a\u200bb \xff\xfe\n", 0, "a\u200bb \xff\xfe <eos>"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := LearnWords(t.Context(), []byte(tt.text), tt.most, nil)
			if tt.want == "" {
				require.ErrorIs(t, err, errNoEnd)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, strings.Fields(tt.want), strings.Fields(strings.Join(v.words, " ")))
		})
	}
}

func TestEncodeWords(t *testing.T) {
	v := learn(t, "it was a dark night\nand it rained\n", 0)
	tests := []struct{ text, back, part string }{
		{"it was", " it was", " it was\n"},
		{" it\twas \n", " it was\n", " it was\n"},
		{"it\r\nwas\rnight\n\n", " it\n was\n night\n\n", " it\n was\n night\n\n"},
		{"it\r", " it\n", " it\n"},
		{"", "", ""},
		{"\n", "\n", "\n"},
		{"  ", "", "\n"},
	}
	for _, tt := range tests {
		ids, err := v.Encode([]byte(tt.text))
		require.NoError(t, err)
		assert.Equal(t, tt.back, string(v.Decode(ids)), "%q", tt.text)
		again, err := v.Encode(v.Decode(ids))
		require.NoError(t, err)
		assert.Equal(t, ids, again, "%q", tt.text)
		part, err := EncodeText(t.Context(), v, []byte(tt.text), nil)
		require.NoError(t, err)
		assert.Equal(t, tt.part, string(v.Decode(all(part))), "%q as a text of its own", tt.text)
	}
	_, err := v.Encode([]byte("it was a bright night"))
	assert.EqualError(t, err, `the word "bright" at offset 9 is not among the 8 words of the vocabulary, which has no <unk>`)
	ids, err := learn(t, "it was a dark night\n", 4).Encode([]byte("it was a bright night"))
	require.NoError(t, err)
	assert.Len(t, ids, 5)
	assert.Panics(t, func() { v.Decode([]int32{8}) })
}

func all(ids *IDs) []int32 {
	out := make([]int32, ids.Len())
	for i := range out {
		out[i] = ids.At(i)
	}
	return out
}

// The reference's data.py gives these ids for such a folder: the end of a line is
// the most frequent, and of the words that occur once the first has the lower id.
func TestReferenceFolder(t *testing.T) {
	folder := writeTree(t, map[string]string{
		"train.txt": "b a\n\n c\u00a0a  b\r\nd \x1f a", // b a <eos> <eos> c a b <eos> d a <eos>
		"valid.txt": " d c\rb\n",
		"test.txt":  "a\n\n",
	})
	text, parts, _, err := OpenParts(t.Context(), folder, AutoSplit, nil)
	require.NoError(t, err)
	defer text.Close()
	v, err := LearnWords(t.Context(), parts.Train, 0, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{EndOfLine, "a", "b", "c", "d"}, v.words)
	for _, part := range []struct {
		text []byte
		want []int32
	}{
		{parts.Train, []int32{2, 1, 0, 0, 3, 1, 2, 0, 4, 1, 0}},
		{parts.Valid, []int32{4, 3, 0, 2, 0}},
		{parts.Test, []int32{1, 0, 0}},
	} {
		ids, err := EncodeText(t.Context(), v, part.text, nil)
		require.NoError(t, err)
		assert.Equal(t, part.want, all(ids))
	}
}

func TestWordsFile(t *testing.T) {
	dir, v := t.TempDir(), learn(t, "caf\u00e9 \"x\" \\ \xff\n", 0)
	saved, err := v.Save(dir)
	require.NoError(t, err)
	back, err := LoadVocab(dir, saved)
	require.NoError(t, err)
	assert.Equal(t, v, back)
	for _, tt := range []struct{ text, want string }{
		{"", "the last line does not end"},
		{"a\n<eos>", "the last line does not end"},
		{"a\n\n<eos>\n", `entry 1, "", is not a word`},
		{"a b\n<eos>\n", `entry 0, "a b", is not a word`},
		{"a\r\n<eos>\n", `entry 0, "a\r", is not a word`},
		{"a\n<eos>\na\n", `entries 0 and 2 are both "a"`},
		{"a\n", "it has no <eos>"},
		{strings.Repeat("\n", maxWords+1), "it has 16777217 words, at most 16777216 are read"},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, WordsFile), []byte(tt.text), 0o666))
		_, err := LoadVocab(dir, saved)
		assert.EqualError(t, err, dir+": reading a vocabulary: words.txt: "+tt.want)
	}
	require.NoError(t, os.Remove(filepath.Join(dir, WordsFile)))
	_, err = LoadVocab(dir, saved)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestLearnWordsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := LearnWords(ctx, []byte("a b"), 0, nil)
	assert.ErrorIs(t, err, context.Canceled)
}

func FuzzParseWords(f *testing.F) {
	for _, s := range []string{"a\n<eos>\n", "<eos>\n<unk>\n", "\n", "a b\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := parseWords(data)
		if err != nil {
			return
		}
		for i, word := range v.words {
			ids, err := v.Encode([]byte(word))
			if err != nil || len(ids) != 1 || ids[0] != int32(i) {
				t.Fatalf("%q is word %d, and encodes to %v (%v)", word, i, ids, err)
			}
		}
	})
}

// Words are what strings.Fields makes of each line, but for the separators that
// only Python takes for white space; encoded and decoded a text stays the same
// words.
func FuzzWords(f *testing.F) {
	f.Add([]byte("a b\r\nc\rd\n\ne"))
	f.Add([]byte("\u00a0x\u2029y\x85\xe2\x80"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
		lines = strings.NewReplacer("\x1c", " ", "\x1d", " ", "\x1e", " ", "\x1f", " ").Replace(lines)
		var want []string
		for line := range strings.Lines(lines) {
			want = append(append(want, strings.Fields(line)...), EndOfLine)
		}
		if len(want) == 0 {
			return
		}
		v := learn(t, string(text), 0)
		ids, err := EncodeText(t.Context(), v, text, nil)
		require.NoError(t, err)
		var got []string
		for _, id := range all(ids) {
			got = append(got, v.words[id])
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkLearnWords(b *testing.B) {
	text, err := GoSource("")
	require.NoError(b, err)
	b.SetBytes(int64(len(text.Bytes)))
	for b.Loop() {
		LearnWords(b.Context(), text.Bytes, 0, nil)
	}
}
