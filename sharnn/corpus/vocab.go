package corpus

import (
	"bytes"
	"context"
	"encoding/json"
	"unsafe"

	"github.com/tiller-ml/tiller/nn/bpe"
)

// Vocab numbers the symbols of a text: its bytes ([ByteVocab]), tokens of several
// bytes ([TokenVocab]), or words ([WordVocab]). Any number of goroutines may use it.
type Vocab interface {
	// Len is the number of symbols, V; ids are 0 to V-1.
	Len() int

	// Unit is what a symbol is, for people: "byte", "token" or "word".
	Unit() string

	// Encode are the ids of text, for texts that fit in memory many times; for
	// others there is [EncodeText]. Text that the vocabulary cannot express is an
	// error that says where.
	Encode(text []byte) ([]int32, error)

	// Decode are the bytes of ids. It panics on an id outside the vocabulary, as
	// indexing does.
	Decode(ids []int32) []byte

	// Save returns what [LoadVocab] reads, and writes to the folder dir the files
	// that belong to it, if there are any.
	Save(dir string) (json.RawMessage, error)
}

// LoadVocab is the vocabulary that [Vocab.Save] described, with its files in dir.
func LoadVocab(dir string, saved json.RawMessage) (Vocab, error) {
	if bytes.Equal(bytes.TrimSpace(saved), tokensSaved) {
		t, err := bpe.Load(dir)
		if err != nil {
			return nil, err
		}
		return TokenVocab{t}, nil
	}
	if bytes.Equal(bytes.TrimSpace(saved), wordsSaved) {
		return loadWords(dir)
	}
	var v ByteVocab
	if err := json.Unmarshal(saved, &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// TokenVocab numbers a text by the tokens of a byte-level BPE. It can express
// any text.
type TokenVocab struct{ BPE *bpe.Tokenizer }

// LearnTokens is the vocabulary of size tokens that a text gives: see [bpe.Train].
func LearnTokens(ctx context.Context, text []byte, size int, tell Progress) (TokenVocab, error) {
	// No copy: what Train returns does not look into its text.
	view := unsafe.String(unsafe.SliceData(text), len(text))
	t, err := bpe.Train(ctx, view, size, func(done, size int) { tell.tell("learning tokens", int64(done), int64(size)) })
	return TokenVocab{t}, err
}

// tokensSaved is what stands for a TokenVocab, which has files of its own.
var tokensSaved = []byte(`"bpe"`)

// Len is the number of tokens.
func (v TokenVocab) Len() int { return v.BPE.Size() }

// Unit is "token".
func (v TokenVocab) Unit() string { return "token" }

// Encode are the tokens of text; the error is nil.
func (v TokenVocab) Encode(text []byte) ([]int32, error) { return v.BPE.Encode(string(text)), nil }

// Decode are the bytes of tokens. It panics on an id outside the vocabulary.
func (v TokenVocab) Decode(ids []int32) []byte { return v.BPE.DecodeBytes(ids) }

// Save writes vocab.json and merges.txt.
func (v TokenVocab) Save(dir string) (json.RawMessage, error) {
	return tokensSaved, v.BPE.Save(dir)
}
