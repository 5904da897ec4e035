package bpe_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/nn/bpe"
)

func TestDecode(t *testing.T) {
	tok := trained(t, bpe.MinSize)
	tests := []struct{ bytes, want string }{ // want is Python's bytes.decode(errors="replace")
		{"", ""},
		{"plain", "plain"},
		{"\ufffd", "\ufffd"},
		{"\u00e9\u4f60\U0001f600", "\u00e9\u4f60\U0001f600"},
		{"a\xffb", "a\ufffdb"},
		{"\x80\x80", "\ufffd\ufffd"},
		{"\xc0\xaf", "\ufffd\ufffd"}, // overlong
		{"\xe0\x80\x80", "\ufffd\ufffd\ufffd"},
		{"\xed\xa0\x80", "\ufffd\ufffd\ufffd"}, // a surrogate
		{"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd"},
		{"\xf5\x80", "\ufffd\ufffd"},
		{"\xe4\xbdA", "\ufffdA"},
		{"\xe4\xbd", "\ufffd"},
		{"\xf0\x9f\x98", "\ufffd"},
		{"\xf0\x9f\x98\xf0\x9f", "\ufffd\ufffd"},
		{"\xf0\x9f\x98\x80\xe4", "\U0001f600\ufffd"},
		{"\xf1\x80\x80\xe1\x80\xc2\x62", "\ufffd\ufffd\ufffdb"}, // the Unicode standard's example
		{"\xe1\xa0\xc0", "\ufffd\ufffd"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, tok.Decode(tok.Encode(tt.bytes)), "%q", tt.bytes)
	}
}

// A decoder gives as much as is certain: what it holds back is at most three
// bytes, and they begin a character.
func FuzzDecoder(f *testing.F) {
	for _, text := range everyPiece {
		f.Add(text, uint8(3))
	}
	f.Add("\xf0\x9f\x98\xf0\x9f\x98\x80\xe4\xbd\xa0", uint8(7))
	tok := trained(f, 400)
	f.Fuzz(func(t *testing.T, text string, stop uint8) {
		ids := tok.Encode(text)
		d := tok.Decoder()
		var out strings.Builder
		for i, id := range ids {
			piece := d.Next(id)
			require.True(t, utf8.ValidString(piece))
			out.WriteString(piece)
			if i == int(stop) {
				so := tok.Decode(ids[:i+1])
				held := strings.TrimPrefix(so, out.String())
				require.Contains(t, []string{"", "\ufffd"}, held)
				require.Equal(t, so, out.String()+held)
			}
		}
		out.WriteString(d.End())
		require.Equal(t, tok.Decode(ids), out.String())
		require.Empty(t, d.End(), "ended")
	})
}

func TestDecoderHoldsBack(t *testing.T) {
	tok := trained(t, bpe.MinSize)
	d := tok.Decoder()
	var pieces []string
	for _, id := range tok.Encode("\u00e9\U0001f600\xf0\x9f!") {
		pieces = append(pieces, d.Next(id))
	}
	assert.Equal(t, []string{"", "\u00e9", "", "", "", "\U0001f600", "", "", "\ufffd!"}, pieces)
	assert.Empty(t, d.End())
	d.Next(tok.Encode("\xe4")[0])
	assert.Equal(t, "\ufffd", d.End())
	assert.Equal(t, "a", d.Next(tok.Encode("a")[0]))
}

func TestCleanUp(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"Is n't it ?":                "Isn't it?",
		"I 'm , we 've ; they 're .": "I'm, we've ; they're.",
		"rock ' n ' roll ! !":        "rock'n'roll!!",
		"it 's 's":                   "it's's",
		"a  .":                       "a .",
	} {
		assert.Equal(t, want, bpe.CleanUp(text), "%q", text)
	}
}
