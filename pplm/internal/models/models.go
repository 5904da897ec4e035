// Package models opens a language model with its vocabulary from a folder,
// whatever kind it is of, for the commands, and has the flags that choose it.
//
// The caller frees the model. Folders that hold none are errors.
package models

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/books"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/shalm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// Books is the name of the embedded model, and of the [pplm.Preset] for it.
const Books = "books"

// Model is a language model and what makes text its tokens.
type Model struct {
	pplm.LM
	Vocab corpus.Vocab
	Begin int32 // the token before every text; negative where there is none
	Free  func() error
}

// Encode are the tokens of text. The error says what the vocabulary cannot
// express, which one of bytes may have.
func (m *Model) Encode(text string) ([]int32, error) { return m.Vocab.Encode([]byte(text)) }

// Read are the tokens of a text by itself, the one that begins it included.
func (m *Model) Read(text string) ([]int32, error) {
	ids, err := m.Encode(text)
	if err != nil || m.Begin < 0 {
		return ids, err
	}
	return append([]int32{m.Begin}, ids...), nil
}

// Decode is the text of tokens, U+FFFD for what is not UTF-8 and for a token that
// only the model has: rows of its matrix may be there to fill it up.
func (m *Model) Decode(ids []int32) string {
	d, text := m.Decoder(), ""
	for _, id := range ids {
		text += d.Next(id)
	}
	return text + d.End()
}

// Decoder decodes a text token by token, as [Model.Decode] does.
func (m *Model) Decoder() *bpe.Decoder {
	return bpe.NewDecoder(func(id int32) string {
		if int(id) >= m.Vocab.Len() {
			return string(utf8.RuneError)
		}
		return string(m.Vocab.Decode([]int32{id}))
	})
}

// Bag is a bag of words in the model's tokens, weighed.
func (m *Model) Bag(ctx context.Context, name string, words []string) (*pplm.Bag, error) {
	bag, err := m.Words(name, words)
	if err != nil {
		return nil, err
	}
	return bag.Weighed(ctx, m, m.Begin)
}

// Words is a bag of words in the model's tokens, not weighed. Any number of
// goroutines may call it.
func (m *Model) Words(name string, words []string) (*pplm.Bag, error) {
	var failed error
	bag, err := pplm.NewBag(name, words, func(word string) []int32 {
		ids, err := m.Encode(word)
		if err != nil && failed == nil {
			failed = fmt.Errorf("the bag %s: %q: %w", name, word, err)
		}
		return ids
	})
	if err := cmp.Or(failed, err); err != nil {
		return nil, err
	}
	return bag, nil
}

// Open reads the model in a folder, its matrices as dtype, where 0 is the folder's
// own: a GPT-2 in the layout of Hugging Face, or what sharnn/train keeps. The folder
// "" stands for the model of [books].
func Open(b backend.Backend, dtype tensor.DType, dir string) (*Model, error) {
	m, err := open(b, dtype, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the language model: %w", err)
	}
	return m, nil
}

func open(b backend.Backend, dtype tensor.DType, dir string) (*Model, error) {
	if dir == "" {
		m, vocab, err := books.Open(b, dtype)
		if err != nil {
			return nil, err
		}
		return newSHARNN(m, vocab, Books)
	}
	doc, err := os.ReadFile(filepath.Join(dir, gpt2.ConfigFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no %s, so it is no folder of a language model", dir, gpt2.ConfigFile)
	}
	if err != nil {
		return nil, err
	}
	var kind struct {
		Symbols *int `json:"ntoken"` // of a SHA-RNN alone
	}
	if err := json.Unmarshal(doc, &kind); err == nil && kind.Symbols != nil {
		m, vocab, err := sharnn.LoadText(b, dir, dtype)
		if err != nil {
			return nil, err
		}
		return newSHARNN(m, vocab, filepath.Base(filepath.Clean(dir)))
	}
	return openGPT2(b, dtype, dir)
}

// newSHARNN takes over m.
func newSHARNN(m *sharnn.Model, vocab corpus.Vocab, name string) (*Model, error) {
	lm, err := shalm.New(m, name)
	if err != nil {
		m.Free()
		return nil, err
	}
	free := func() error {
		m.Free()
		return nil
	}
	return &Model{LM: lm, Vocab: vocab, Begin: -1, Free: free}, nil
}

// beginning is GPT-2's token between texts.
const beginning = "<|endoftext|>"

func openGPT2(b backend.Backend, dtype tensor.DType, dir string) (*Model, error) {
	if dtype == 0 {
		dtype = tensor.Float32
	}
	tokens, err := bpe.Load(dir)
	if err != nil {
		return nil, err
	}
	begin, ok := tokens.ID(beginning)
	if !ok {
		return nil, fmt.Errorf("%s: the vocabulary has no %s", dir, beginning)
	}
	m, err := gpt2.Open(b, dtype, dir)
	if err != nil {
		return nil, err
	}
	if n := m.Info().Vocabulary; tokens.Size() > n {
		return nil, errors.Join(fmt.Errorf("%s: the vocabulary has %d tokens, the model %d", dir, tokens.Size(), n), m.Free())
	}
	return &Model{LM: m, Vocab: corpus.TokenVocab{BPE: tokens}, Begin: begin, Free: m.Free}, nil
}
