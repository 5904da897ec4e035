package corpus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"
)

// IDs are the symbols of a text, read where they lie: the bytes of a mapped text
// through a table, or a mapped file of ids. Any number of goroutines may read
// them.
type IDs struct {
	Bytes int // of the text
	First int // of these, those that the first symbol stands for

	text   []byte // with table
	table  *[256]int32
	narrow []uint16
	wide   []int32
	unit   string // of a symbol, for people
	unmap  func() error
}

// NewIDs are ids at hand, which are not copied, of a text of so many bytes.
func NewIDs(ids []int32, bytes, first int) *IDs {
	return &IDs{Bytes: bytes, First: first, wide: ids, unit: "symbol"}
}

// Len is the number of symbols.
func (s *IDs) Len() int { return len(s.text) + len(s.narrow) + len(s.wide) }

// At is the id of symbol i.
func (s *IDs) At(i int) int32 {
	switch {
	case s.table != nil:
		return s.table[s.text[i]]
	case s.narrow != nil:
		return int32(s.narrow[i])
	}
	return s.wide[i]
}

// PerByte is how many symbols stand for a byte of the text but for the first,
// which has nothing before it to be predicted from: 1 where symbols are bytes.
// Nats per symbol times it are nats per byte. Of a single symbol it is NaN.
func (s *IDs) PerByte() float64 {
	return float64(s.Len()-1) / float64(s.Bytes-s.First)
}

// Close gives back what the ids lie in. A text that they are read from is not
// closed.
func (s *IDs) Close() error {
	if s.unmap == nil {
		return nil
	}
	return s.unmap()
}

// EncodeText are the symbols of a text, which must stay open. Bytes are read
// where they lie. Tokens and words of a text of more than 8 MB are kept in a file in
// the cache folder (see [CacheDir]), named after the text and the vocabulary, so
// that the next run finds them there; where nothing can be written there, in a file
// without a name. A last line of words ends without a newline too. Text that the
// vocabulary cannot express is an error that says where.
func EncodeText(ctx context.Context, v Vocab, text []byte, tell Progress) (*IDs, error) {
	if b, ok := v.(*ByteVocab); ok {
		if err := b.checkAll(ctx, text, tell); err != nil {
			return nil, err
		}
		return &IDs{Bytes: len(text), First: min(1, len(text)), text: text, table: &b.ids, unit: b.Unit()}, nil
	}
	ids, err := encodeOrFind(ctx, v, text, tell)
	if err != nil {
		return nil, err
	}
	ids.Bytes, ids.First, ids.unit = len(text), firstLen(v, text), v.Unit()
	return ids, nil
}

// firstLen is how many bytes the first symbol of text stands for.
func firstLen(v Vocab, text []byte) int {
	if len(text) == 0 {
		return 0
	}
	if w, ok := v.(*WordVocab); ok {
		return w.firstLen(text)
	}
	for piece := range pieces(text) {
		ids, err := v.Encode(piece)
		if err != nil || len(ids) == 0 {
			return 0
		}
		return len(v.Decode(ids[:1]))
	}
	return 0
}

// encodeInto gives the ids of text to emit, some at a time.
func encodeInto(ctx context.Context, v Vocab, text []byte, tell Progress, emit func([]int32) error) error {
	at := 0
	for piece := range pieces(text) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("encoding: %w", err)
		}
		ids, err := v.Encode(piece)
		if err != nil {
			if unknown := new(unknownError); errors.As(err, &unknown) {
				unknown.offset += at
			}
			return err
		}
		if err := emit(ids); err != nil {
			return err
		}
		at += len(piece)
		tell.tell("encoding", int64(at), int64(len(text)))
	}
	if w, ok := v.(*WordVocab); ok && len(text) > 0 && !endsLine(text) {
		return emit([]int32{w.eos})
	}
	return nil
}

// pieces cuts text where tokens and words always end: before a space or a newline
// that stands behind no other white space. Encoded one by one, pieces give what
// the whole gives. They have about a megabyte, and more only where there is no
// such place.
func pieces(text []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			n := cut(text, blockSize)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// cut is the length of text's first piece, of at least so many bytes if it is not
// the last.
func cut(text []byte, least int) int {
	for n := least; n < len(text); n++ {
		if text[n] != ' ' && text[n] != '\n' {
			continue
		}
		if before, _ := utf8.DecodeLastRune(text[:n]); !isSpace(before) {
			return n
		}
	}
	return len(text)
}

// unknownError is a piece of text that a vocabulary cannot express.
type unknownError struct {
	what    string
	offset  int
	reasons string
}

func (e *unknownError) Error() string {
	return fmt.Sprintf("%s at offset %d is not among %s", e.what, e.offset, e.reasons)
}
