package corpus

import (
	"bytes"
	"encoding/json"

	"github.com/tiller-ml/tiller/nn/bpe"
)

// Vocab numbers the symbols of a text: its bytes ([ByteVocab]) or tokens of
// several bytes ([TokenVocab]). Any number of goroutines may use it.
type Vocab interface {
	// Len is the number of symbols, V; ids are 0 to V-1.
	Len() int

	// Unit is what a symbol is, for people: "byte" or "token".
	Unit() string

	// Encode are the ids of text. Text that the vocabulary cannot express is an
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
	var v ByteVocab
	if err := json.Unmarshal(saved, &v); err != nil {
		return nil, err
	}
	return &v, nil
}

// PerByte is how many symbols stand for a byte in ids but the first, which has
// nothing before it to be predicted from: 1 in a [ByteVocab]. Nats per symbol
// times it are nats per byte. Of a single id it is NaN.
func PerByte(v Vocab, ids []int32) float64 {
	return float64(len(ids)-1) / float64(len(v.Decode(ids[1:])))
}

// TokenVocab numbers a text by the tokens of a byte-level BPE. It can express
// any text.
type TokenVocab struct{ BPE *bpe.Tokenizer }

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
