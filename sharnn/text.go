package sharnn

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
)

// LoadVocab is the vocabulary of the model in the folder dir, which d describes.
// A description without one, or with one of another size than the model's, is an
// error.
func (d *Description) LoadVocab(dir string) (corpus.Vocab, error) {
	if len(d.Vocab) == 0 {
		return nil, fmt.Errorf("%s: the model is over bare ids: it has no vocab", ConfigFile)
	}
	v, err := corpus.LoadVocab(dir, d.Vocab)
	if err != nil {
		return nil, fmt.Errorf("%s: vocab: %w", ConfigFile, err)
	}
	if v.Len() != d.Symbols {
		return nil, fmt.Errorf("%s: vocab has %d symbols, ntoken says %d", ConfigFile, v.Len(), d.Symbols)
	}
	return v, nil
}

// LoadText reads a model and its vocabulary from their folder, the model in a
// dtype as [Load] does. The caller frees the model.
func LoadText(b backend.Backend, dir string, dtype tensor.DType) (*Model, corpus.Vocab, error) {
	m, d, err := Load(b, dir, dtype)
	if err != nil {
		return nil, nil, err
	}
	v, err := d.LoadVocab(dir)
	if err != nil {
		m.Free()
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return m, v, nil
}

// Prompt are the ids of text, with which a [Sampler] starts. A text without
// symbols, which is an empty one, or for words one of white space alone, stands
// for a newline, so that the model begins a line, or for symbol 0 in a vocabulary
// without newlines. The error says what vocab cannot express, and where.
func Prompt(vocab corpus.Vocab, text []byte) ([]int32, error) {
	ids, err := vocab.Encode(text)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	if ids, err := vocab.Encode([]byte("\n")); err == nil {
		return ids, nil
	}
	return []int32{0}, nil
}
