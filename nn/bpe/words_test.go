package bpe_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/nn/bpe"
)

func TestWords(t *testing.T) {
	tests := []struct{ text, want string }{ // words with | between
		{"Hello world", "Hello| world"},
		{"I'm they're we've he'll it's can't I'd", "I|'m| they|'re| we|'ve| he|'ll| it|'s| can|'t| I|'d"},
		{"I'M 'tis ''s 'rex", "I|'|M| '|tis| ''|s| '|rex"},
		{"'sx'r'l'", "'s|x|'|r|'|l|'"},
		{"a  b   c", "a| | b|  | c"},
		{"a\nb\n\nc\n", "a|\n|b|\n|\n|c|\n"},
		{"x \n", "x| \n"},
		{"x \ny", "x| |\n|y"},
		{"tab\t\tx\t", "tab|\t|\t|x|\t"},
		{"12 345abc6", "12| 345|abc|6"},
		{"!?, ...a", "!?,| ...|a"},
		{"na\u00efve \u4f60\u597d \u0663\u00bd", "na\u00efve| \u4f60\u597d| \u0663\u00bd"},
		{"a\u00a0\u00a0b\u3000", "a|\u00a0|\u00a0|b|\u3000"},
		{"e\u0301 \U0001f600\u200d", "e|\u0301| \U0001f600\u200d"},
		{"a\xff\xfe b\xe2\x82 \x80", "a|\xff\xfe| b|\xe2\x82| \x80"},
		{"\ufffd\xff", "\ufffd\xff"},
		{" ", " "},
		{"", ""},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, strings.Join(slices.Collect(bpe.Words(tt.text)), "|"), "%q", tt.text)
	}
	for range bpe.Words("one two") {
		break
	}
}

// gpt2Pattern is the pattern as GPT-2's encoder.py has it.
var gpt2Pattern = regexp2.MustCompile(`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, regexp2.None)

func patternWords(t require.TestingT, text string) []string {
	var words []string
	m, err := gpt2Pattern.FindStringMatch(text)
	for m != nil && err == nil {
		words = append(words, m.String())
		m, err = gpt2Pattern.FindNextMatch(m)
	}
	require.NoError(t, err)
	return words
}

func TestWordsAreThePatterns(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		" ", "  ", "\n", "\t", "\u00a0", "\u2003", "'", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "r", "l", "e", "Z", "7",
		"\u00e9", "\u4e2d", "\u0661", "\u00b2", ".", "-", "\u2014", "\u0301", "\U0001f600", "\u200b", "\x00", "\x1c", "\x7f", "\u0085", "\ufffd",
	})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.OneOf(pieces, rapid.StringN(0, 3, -1))).Draw(t, "pieces"), "")
		text = strings.ToValidUTF8(text, "\ufffd")
		require.Equal(t, patternWords(t, text), slices.Collect(bpe.Words(text)))
	})
}

func FuzzWords(f *testing.F) {
	for _, text := range []string{"It's  a\n\n test ", "'re''ll", "\xff a\xe2\x82", "\u00a0\u3000x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := slices.Collect(bpe.Words(text))
		require.Equal(t, text, strings.Join(words, ""))
		require.NotContains(t, words, "")
		if text == strings.ToValidUTF8(text, "") {
			require.Equal(t, patternWords(t, text), words)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	text := goSource(b)[:1<<20]
	b.Run("scanner", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			for range bpe.Words(text) {
			}
		}
	})
	b.Run("regexp2", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			patternWords(b, text)
		}
	})
}
