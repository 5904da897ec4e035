package corpus

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// ByteVocab numbers the bytes that occur in a text densely: ids 0 to Len()-1 in
// the order of the byte values. enwik8 has 205. It does not change once made,
// and any number of goroutines may use it.
//
// In JSON it is the list of its byte values in ascending order.
type ByteVocab struct {
	symbols []byte     // the byte of each id
	ids     [256]int32 // the id of each byte, -1 where there is none
}

// NewByteVocab returns the vocabulary of all bytes in text. Give it the whole
// text rather than the training part, or the other parts may hold unknown bytes.
func NewByteVocab(text []byte) *ByteVocab {
	var s Summary
	for _, b := range text {
		s.Seen[b] = true
	}
	return s.Vocab()
}

// makeByteVocab keeps symbols, which ascend.
func makeByteVocab(symbols []byte) *ByteVocab {
	v := &ByteVocab{symbols: symbols}
	for b := range v.ids {
		v.ids[b] = -1
	}
	for id, b := range symbols {
		v.ids[b] = int32(id)
	}
	return v
}

// Len returns the number of symbols.
func (v *ByteVocab) Len() int { return len(v.symbols) }

// Unit is "byte".
func (v *ByteVocab) Unit() string { return "byte" }

// Save returns the list of byte values; it has no files.
func (v *ByteVocab) Save(string) (json.RawMessage, error) { return v.MarshalJSON() }

// Encode returns the ids of text's bytes. A byte outside the vocabulary is an
// error that names it and its offset.
func (v *ByteVocab) Encode(text []byte) ([]int32, error) {
	if err := v.check(text); err != nil {
		return nil, err
	}
	ids := make([]int32, len(text))
	for i, b := range text {
		ids[i] = v.ids[b]
	}
	return ids, nil
}

// Decode returns the bytes of ids. It panics on an id outside the vocabulary,
// as indexing does.
func (v *ByteVocab) Decode(ids []int32) []byte {
	text := make([]byte, len(ids))
	for i, id := range ids {
		text[i] = v.symbols[id]
	}
	return text
}

func (v *ByteVocab) check(text []byte) error {
	for i, b := range text {
		if v.ids[b] < 0 {
			return &unknownError{"byte " + name(b), i, fmt.Sprintf("the %d symbols of the vocabulary", len(v.symbols))}
		}
	}
	return nil
}

// checkAll is check of a long text.
func (v *ByteVocab) checkAll(ctx context.Context, text []byte, tell Progress) error {
	if len(v.symbols) == 256 {
		return nil
	}
	at := 0
	return blocks(ctx, "checking", text, tell, func(block []byte) error {
		if err := v.check(block); err != nil {
			err.(*unknownError).offset += at
			return err
		}
		at += len(block)
		return nil
	})
}

// MarshalJSON writes the byte values in ascending order.
func (v *ByteVocab) MarshalJSON() ([]byte, error) {
	values := make([]int, len(v.symbols))
	for id, b := range v.symbols {
		values[id] = int(b)
	}
	return json.Marshal(values)
}

// UnmarshalJSON reads what MarshalJSON writes. Anything but a list of ascending
// byte values with one at least is an error.
func (v *ByteVocab) UnmarshalJSON(data []byte) error {
	var values []int
	if err := json.Unmarshal(data, &values); err != nil {
		return fmt.Errorf("reading vocabulary: %w", err)
	}
	if len(values) == 0 {
		return fmt.Errorf("reading vocabulary: it has no symbols")
	}
	var symbols []byte
	last := -1
	for i, value := range values {
		if value <= last || value > 255 {
			return fmt.Errorf("reading vocabulary: entry %d is %d after %d, want ascending byte values up to 255", i, value, last)
		}
		symbols = append(symbols, byte(value))
		last = value
	}
	*v = *makeByteVocab(symbols)
	return nil
}

// name shows a byte, with its letter where it is one by itself.
func name(b byte) string {
	if b < utf8.RuneSelf {
		return fmt.Sprintf("0x%02x (%q)", b, rune(b))
	}
	return fmt.Sprintf("0x%02x", b)
}
