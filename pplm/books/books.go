// Package books is a small language model of our own, embedded: a SHA-RNN over
// byte-pair tokens, trained on books in the public domain. Programs that import
// it grow by the model; README.md tells how it was trained.
package books

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// folder is what pack wrote of a run of sharnn/train.
//
//go:embed model/config.json model/vocab.json model/merges.txt model/heads
var folder embed.FS

//go:embed model/model.safetensors
var weights []byte

// Open reads the model and its vocabulary. Its matrices are held as dtype, 0 for
// int8, as they are embedded. The caller frees the model.
func Open(b backend.Backend, dtype tensor.DType) (*sharnn.Model, corpus.Vocab, error) {
	m, vocab, err := open(b, dtype)
	if err != nil {
		return nil, nil, fmt.Errorf("the embedded model: %w", err)
	}
	return m, vocab, nil
}

func open(b backend.Backend, dtype tensor.DType) (*sharnn.Model, corpus.Vocab, error) {
	model, err := fs.Sub(folder, "model")
	if err != nil {
		return nil, nil, err
	}
	doc, err := fs.ReadFile(model, sharnn.ConfigFile)
	if err != nil {
		return nil, nil, err
	}
	var d sharnn.Description
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", sharnn.ConfigFile, err)
	}
	tokens, err := bpe.LoadFS(model)
	if err != nil {
		return nil, nil, err
	}
	file, err := safetensors.Parse(weights)
	if err != nil {
		return nil, nil, err
	}
	m, err := d.Model(b, file, dtype)
	if err != nil {
		return nil, nil, err
	}
	return m, corpus.TokenVocab{BPE: tokens}, nil
}

// Heads are the names of the discriminators that belong to the model.
func Heads() []string {
	files, _ := fs.Glob(folder, "model/heads/*.json")
	for i, f := range files {
		files[i] = strings.TrimSuffix(path.Base(f), ".json")
	}
	return files
}

// Head reads one of the discriminators.
func Head(name string) (*head.Head, error) {
	if !slices.Contains(Heads(), name) {
		return nil, fmt.Errorf("no embedded head %q: want %s", name, strings.Join(Heads(), ", "))
	}
	doc, err := folder.ReadFile("model/heads/" + name + ".json")
	if err != nil {
		return nil, err
	}
	data, err := folder.ReadFile("model/heads/" + name + ".safetensors")
	if err != nil {
		return nil, err
	}
	return head.Parse(doc, data)
}
