package bpe

import (
	"iter"
	"unicode"
	"unicode/utf8"
)

// Words cuts text into the words that are encoded one by one, by GPT-2's pattern
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// Joined they are text. A byte that is not UTF-8 counts as neither space nor
// letter nor number.
func Words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for len(text) > 0 {
			n := wordLen(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// The pattern's kinds of characters.
type kind uint8

const (
	other kind = iota
	letter
	number
	space
)

var asciiKinds = func() (kinds [utf8.RuneSelf]kind) {
	for r := range kinds {
		kinds[r] = kindOf(rune(r))
	}
	return kinds
}()

func kindOf(r rune) kind {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// first is the kind of the first character of text, and its length in bytes.
func first(text string) (kind, int) {
	if c := text[0]; c < utf8.RuneSelf {
		return asciiKinds[c], 1
	}
	r, n := utf8.DecodeRuneInString(text)
	if r == utf8.RuneError {
		return other, n
	}
	return kindOf(r), n
}

// wordLen is the length in bytes of the first word of a text that is not empty.
func wordLen(text string) int {
	if text[0] == '\'' {
		if n := contraction(text); n > 0 {
			return n
		}
	}
	k, n := first(text)
	if k != space {
		return runLen(text, n, k)
	}
	if text[0] == ' ' && len(text) > 1 {
		if k, n := first(text[1:]); k != space {
			return runLen(text, 1+n, k)
		}
	}
	// Of several spaces the last belongs to the word that follows.
	last := 0
	for n < len(text) {
		k, size := first(text[n:])
		if k != space {
			break
		}
		last = n
		n += size
	}
	if n < len(text) && last > 0 {
		return last
	}
	return n
}

// runLen extends the first n bytes of text by characters of a kind.
func runLen(text string, n int, k kind) int {
	for n < len(text) {
		next, size := first(text[n:])
		if next != k {
			break
		}
		n += size
	}
	return n
}

// contraction is the length of the English ending that text begins with, or 0.
func contraction(text string) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case 's', 't', 'm', 'd':
		return 2
	}
	if len(text) < 3 {
		return 0
	}
	switch text[1:3] {
	case "re", "ve", "ll":
		return 3
	}
	return 0
}
