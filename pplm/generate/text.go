package main

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/internal/attributes"
)

// finder finds the words of bags by their last token.
type finder struct {
	words  map[int32][]pplm.Word
	tokens int // of the longest
}

// newFinder finds the words of those bags that are steered towards.
func newFinder(wanted []*attributes.Attribute) finder {
	f := finder{words: map[int32][]pplm.Word{}}
	for _, a := range wanted {
		if a.Bag == nil || a.Spec.Not {
			continue
		}
		for _, w := range a.Bag.Words {
			last := w.Tokens[len(w.Tokens)-1]
			f.words[last] = append(f.words[last], w)
			f.tokens = max(f.tokens, len(w.Tokens))
		}
	}
	return f
}

// longest is the longest word that tokens end with.
func (f finder) longest(tokens []int32) (found pplm.Word, ok bool) {
	for _, w := range f.words[tokens[len(tokens)-1]] {
		n := len(w.Tokens)
		if n > len(found.Tokens) && n <= len(tokens) && slices.Equal(tokens[len(tokens)-n:], w.Tokens) {
			found, ok = w, true
		}
	}
	return found, ok
}

// span is a part of a text, in bytes.
type span struct{ from, to int }

// text is a sample as people read it.
type text struct {
	decoder *bpe.Decoder
	bags    finder
	content string // the prompt, and the new tokens so far but for the bytes of an incomplete character
	prompt  int    // its bytes
	tokens  []int32
	pieces  []string // what each token added to content
	words   []span   // of bags
}

func newText(prompt string, d *bpe.Decoder, bags finder) *text {
	return &text{decoder: d, bags: bags, content: prompt, prompt: len(prompt)}
}

// add appends a token. A word that goes on with it is another word: "law" in
// "lawyer" does not count.
func (t *text) add(id int32) {
	piece := t.decoder.Next(id)
	t.tokens, t.pieces = append(t.tokens, id), append(t.pieces, piece)
	if r, _ := utf8.DecodeRuneInString(piece); unicode.IsLetter(r) || unicode.IsDigit(r) {
		t.drop(len(t.content))
	}
	t.content += piece
	w, ok := t.bags.longest(t.tokens)
	if ok && strings.HasSuffix(t.content, w.Text) {
		from := len(t.content) - len(w.Text)
		t.drop(from + 1)
		t.words = append(t.words, span{from, len(t.content)})
	}
}

// drop takes back words that end at or after a place.
func (t *text) drop(from int) {
	for n := len(t.words); n > 0 && t.words[n-1].to >= from; n-- {
		t.words = t.words[:n-1]
	}
}

// settled is the place in content before which no further token adds or drops a
// word. One that the next token completes begins within the newest tokens, one fewer
// than the longest word has; it drops words that overlap it, and the one at the end.
func (t *text) settled() int {
	at, newest := len(t.content), max(0, t.bags.tokens-1)
	for _, piece := range t.pieces[max(0, len(t.pieces)-newest):] {
		at -= len(piece)
	}
	for _, w := range slices.Backward(t.words) {
		if w.to <= at && w.to < len(t.content) {
			break
		}
		at = min(at, w.from)
	}
	return at
}

// end adds what stands for an incomplete character.
func (t *text) end() { t.content += t.decoder.End() }

// generated is the text after the prompt.
func (t *text) generated() string { return t.content[t.prompt:] }

// found are the bags' words in the text.
func (t *text) found() []string {
	words := make([]string, len(t.words))
	for i, w := range t.words {
		words[i] = t.content[w.from:w.to]
	}
	return words
}

// lines breaks content at spaces into lines of at most width characters. As it
// grows all lines but the last stay as they are.
func lines(content string, width int) (out []span) {
	from, fits, n := 0, -1, 0 // fits: the last space that a line can end at
	for i, r := range content {
		switch {
		case r == '\n':
			out = append(out, span{from, i})
			from, fits, n = i+1, -1, 0
			continue
		case n == width && r == ' ': // the line is full, and a word with it
			out = append(out, span{from, i})
			from, fits, n = i+1, -1, 0
			continue
		case n == width && fits >= 0:
			out = append(out, span{from, fits})
			from, n = fits+1, utf8.RuneCountInString(content[fits+1:i])
			fits = -1
		case n == width:
			out = append(out, span{from, i})
			from, n = i, 0
		}
		if r == ' ' && i > from {
			fits = i
		}
		n++
	}
	return append(out, span{from, len(content)})
}

// The terminal's codes for bag words, as colorama's Fore.RED and Style.RESET_ALL.
const (
	red   = "\x1b[31m"
	reset = "\x1b[0m"
)

// paint is content[s.from:s.to] with words in colour. Control characters but for
// newlines, which a terminal would obey, become U+FFFD.
func paint(content string, s span, words []span, colour bool) string {
	var b strings.Builder
	at := s.from
	for _, w := range words {
		from, to := max(w.from, at), min(w.to, s.to)
		if !colour || from >= to {
			continue
		}
		b.WriteString(printable(content[at:from]) + red + printable(content[from:to]) + reset)
		at = to
	}
	b.WriteString(printable(content[at:s.to]))
	return b.String()
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r) && r != '\n':
			return utf8.RuneError
		}
		return r
	}, s)
}
