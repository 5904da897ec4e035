package bpe

import "unicode/utf8"

// The files spell a token with a printable character for each byte: Latin-1's
// own where it is one, and U+0100 onwards, in order, for the 68 that are not.
// Ids of single bytes come in the same order: the printable first.
var (
	letters   [256]rune // of each byte
	byteOrder []byte    // the bytes, by id
)

func init() {
	var rest []byte
	for b := range 256 {
		if b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae {
			letters[b] = rune(b)
			byteOrder = append(byteOrder, byte(b))
		} else {
			letters[b] = rune(0x100 + len(rest))
			rest = append(rest, byte(b))
		}
	}
	byteOrder = append(byteOrder, rest...)
	for b, r := range letters {
		letterBytes[r] = int16(b) + 1
	}
}

// letterBytes is letters backwards: the byte plus 1, or 0 for no letter.
var letterBytes [0x100 + 68]int16

// spell is how the files write a token of these bytes.
func spell(token string) string {
	out := make([]byte, 0, 2*len(token))
	for i := range len(token) {
		out = utf8.AppendRune(out, letters[token[i]])
	}
	return string(out)
}

// unspell are the bytes of a token as the files write it; ok is false where a
// character stands for no byte.
func unspell(spelt string) (token string, ok bool) {
	out := make([]byte, 0, len(spelt))
	for _, r := range spelt {
		if int(r) >= len(letterBytes) || letterBytes[r] == 0 {
			return "", false
		}
		out = append(out, byte(letterBytes[r]-1))
	}
	return string(out), true
}
