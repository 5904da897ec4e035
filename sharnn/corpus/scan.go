package corpus

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Summary is what one pass over a text finds.
type Summary struct {
	SHA256 [sha256.Size]byte
	Seen   [256]bool // bytes that occur
}

// Scan reads a text once. It returns an error where ctx is cancelled.
func Scan(ctx context.Context, text []byte, tell Progress) (Summary, error) {
	var s Summary
	h := sha256.New()
	err := blocks(ctx, "reading", text, tell, func(block []byte) error {
		h.Write(block)
		for _, b := range block {
			s.Seen[b] = true
		}
		return nil
	})
	h.Sum(s.SHA256[:0])
	return s, err
}

// Vocab is the vocabulary of the bytes that occur.
func (s Summary) Vocab() *ByteVocab {
	var symbols []byte
	for b, ok := range s.Seen {
		if ok {
			symbols = append(symbols, byte(b))
		}
	}
	return makeByteVocab(symbols)
}

// blocks passes text on in blocks.
func blocks(ctx context.Context, what string, text []byte, tell Progress, pass func([]byte) error) error {
	for at := 0; at < len(text); at += blockSize {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		end := min(at+blockSize, len(text))
		if err := pass(text[at:end]); err != nil {
			return err
		}
		tell.tell(what, int64(end), int64(len(text)))
	}
	return nil
}
