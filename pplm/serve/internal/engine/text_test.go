package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
)

// pieces are those of a sample of tokens, which are texts here, and its whole text.
func pieces(length int, stop []string, tokens ...string) (out []Piece, text string, finish Finish) {
	s := &sample{
		decoder: bpe.NewDecoder(func(id int32) string { return tokens[id] }),
		stop:    stop, begin: -1, length: length,
	}
	for i := range tokens {
		if s.finish != "" {
			break
		}
		if tokens[i] == "END" {
			s.begin = int32(i)
		}
		if p, ok := s.add(&pplm.Token{ID: int32(i)}); ok {
			out = append(out, p)
			text += p.Text
		}
	}
	return out, text, s.finish
}

func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int
		stop   []string
		tokens []string
		want   []string // of each piece
		finish Finish
	}{
		{"length", 2, nil, []string{"a", "b", "c"}, []string{"a", "b"}, Length},
		{"a stop string", 9, []string{"lo"}, []string{"hel", "lo", "!"}, []string{"", "hel"}[1:], Stop},
		{"one within a token", 9, []string{"x"}, []string{"a", "bxc"}, []string{"a", "b"}, Stop},
		{"one that is a whole token", 9, []string{"b"}, []string{"a", "b", "c"}, []string{"a", ""}, Stop},
		{"one at the start", 9, []string{"a"}, []string{"ab"}, []string{""}, Stop},
		{"one that does not come", 3, []string{"abd"}, []string{"a", "b", "c"}, []string{"abc"}, Length},
		{"one that begins and goes on", 4, []string{"bd"}, []string{"a", "b", "c", "d"}, []string{"a", "bc", "d"}, Length},
		{"one over many tokens", 9, []string{"bcde"}, []string{"a", "b", "c", "d", "ef"}, []string{"a", ""}, Stop},
		{"the first of two", 9, []string{"d", "bc"}, []string{"abcd"}, []string{"a"}, Stop},
		{"one that the end cuts", 2, []string{"bcd"}, []string{"a", "b"}, []string{"a", "b"}, Length},
		{"aab in aaab", 9, []string{"aab"}, []string{"a", "a", "a", "b"}, []string{"a", ""}, Stop},
		{"characters in parts", 4, nil, []string{"\xe2", "\x82", "\xac", "x"}, []string{"", "", "\u20ac", "x"}, Length},
		{"a stop string in parts", 9, []string{"\u20ac"}, []string{"a\xe2", "\x82", "\xacx"}, []string{"a", "", ""}, Stop},
		{"an incomplete character", 2, nil, []string{"a", "\xe2\x82"}, []string{"a", "\ufffd"}, Length},
		{"the token between texts", 9, nil, []string{"a", "END", "b"}, []string{"a", ""}, Stop},
		{"what is held, at that token", 9, []string{"ab"}, []string{"a", "END"}, []string{"a"}, Stop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, text, finish := pieces(tt.length, tt.stop, tt.tokens...)
			var texts []string
			tokens := ""
			for i, p := range got {
				texts = append(texts, p.Text)
				for _, x := range p.Tokens {
					tokens += x.Text
				}
				assert.Equal(t, i == len(got)-1, p.Finish != "", "the last piece says why")
			}
			assert.Equal(t, tt.want, texts)
			assert.Equal(t, tt.finish, finish)
			assert.Equal(t, strings.TrimSuffix(text, "\ufffd"), tokens, "the tokens' texts, joined")
		})
	}
}

// However a text is cut into tokens, it ends before the first stop string.
func FuzzPieces(f *testing.F) {
	f.Add("hello world", "o w", uint64(5))
	f.Add("aaab\u20ac", "aab", uint64(1))
	f.Fuzz(func(t *testing.T, text, stop string, cuts uint64) {
		text, stop = strings.ToValidUTF8(text, "?"), strings.ToValidUTF8(stop, "?")
		if text == "" || stop == "" {
			t.Skip()
		}
		var tokens []string
		for from := 0; from < len(text); {
			to := min(len(text), from+1+int(cuts>>(from%32)&3))
			tokens = append(tokens, text[from:to])
			from = to
		}
		if strings.Contains(strings.Join(tokens, "|"), "END") {
			t.Skip()
		}
		_, got, finish := pieces(len(tokens), []string{stop}, tokens...)
		want, _, found := strings.Cut(text, stop)
		assert.Equal(t, want, got)
		assert.Equal(t, found, finish == Stop)
	})
}
