package bpe

import (
	"strings"
	"unicode/utf8"
)

// Decode is the text of ids. What is not UTF-8 in it becomes U+FFFD, one for
// each longest run of bytes that begins a character or else for each byte, as
// the Unicode standard recommends and Python does. A character that ends after
// the last id is such a run: see [Tokenizer.DecodeBytes] and [Decoder].
// It panics on an id outside 0 to [Tokenizer.Size]-1.
func (t *Tokenizer) Decode(ids []int32) string {
	d := t.Decoder()
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(d.Next(id))
	}
	out.WriteString(d.End())
	return out.String()
}

// DecodeBytes are the bytes of ids, just as they were encoded. It panics on an
// id outside 0 to [Tokenizer.Size]-1.
func (t *Tokenizer) DecodeBytes(ids []int32) []byte {
	n := 0
	for _, id := range ids {
		n += len(t.tokens[id])
	}
	out := make([]byte, 0, n)
	for _, id := range ids {
		out = append(out, t.tokens[id]...)
	}
	return out
}

// Decoder decodes token by token. A token may end within a character: the
// bytes of a character that is not complete are held back, at most three. It
// belongs to one goroutine.
type Decoder struct {
	token func(id int32) string
	held  string
}

// Decoder starts a text. Its Next panics on ids as [Tokenizer.Decode] does.
func (t *Tokenizer) Decoder() *Decoder {
	return NewDecoder(func(id int32) string { return t.tokens[id] })
}

// NewDecoder starts a text of tokens of any other vocabulary, of which token
// gives the bytes.
func NewDecoder(token func(id int32) string) *Decoder { return &Decoder{token: token} }

// Next is the text that id completes, which may be empty. The texts of all ids
// and then End, joined, are what [Tokenizer.Decode] gives.
func (d *Decoder) Next(id int32) string {
	text := d.token(id)
	if d.held == "" && utf8.ValidString(text) {
		return text
	}
	var out string
	out, d.held = valid(d.held + text)
	return out
}

// End is U+FFFD where a character was left incomplete, else empty. The decoder
// is then at the start of a text.
func (d *Decoder) End() string {
	if d.held == "" {
		return ""
	}
	d.held = ""
	return string(utf8.RuneError)
}

// valid replaces what is not UTF-8, up to a character that is incomplete at the
// end, which is rest.
func valid(text string) (out, rest string) {
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && n == 1 {
			if n = prefixLen(text); n == len(text) && text[0] >= 0xc2 && text[0] <= 0xf4 {
				return b.String(), text
			}
		}
		b.WriteRune(r)
		text = text[n:]
	}
	return b.String(), ""
}

// prefixLen is how many bytes of text, at least one, begin a character that is
// not complete, by table 3-7 of the Unicode standard.
func prefixLen(text string) int {
	lead, low, high, size := text[0], byte(0x80), byte(0xbf), 2
	switch {
	case lead < 0xc2 || lead > 0xf4:
		return 1
	case lead >= 0xf0:
		size = 4
	case lead >= 0xe0:
		size = 3
	}
	switch lead {
	case 0xe0:
		low = 0xa0
	case 0xed:
		high = 0x9f
	case 0xf0:
		low = 0x90
	case 0xf4:
		high = 0x8f
	}
	n := 1
	for n < size && n < len(text) && text[n] >= low && text[n] <= high {
		low, high = 0x80, 0xbf
		n++
	}
	return n
}

// cleanUps are applied one after the other.
var cleanUps = [][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
	{" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

// CleanUp removes spaces before English punctuation and endings, as Hugging
// Face's clean_up_tokenization_spaces does to decoded text: "Is n't it ?" is
// "Isn't it?". It changes text that was written with such spaces.
func CleanUp(text string) string {
	for _, c := range cleanUps {
		text = strings.ReplaceAll(text, c[0], c[1])
	}
	return text
}
