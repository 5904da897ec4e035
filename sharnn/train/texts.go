package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// texts are what a run reads.
type texts struct {
	name   string // for people
	size   int    // bytes of the whole text
	sha256 string
	vocab  *corpus.Vocab
	stream *corpus.Stream
	valid  []int32
	test   []int32 // nil where the split has no third part
}

func (x *texts) open(s *settings) error {
	split, err := corpus.ParseSplit(s.split)
	if err != nil {
		return err
	}
	var text *corpus.Text
	if s.data == "" {
		text, err = corpus.GoSource("")
	} else {
		text, err = corpus.Open(s.data)
	}
	if err != nil {
		return err
	}
	parts, err := split.Cut(text.Bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", text.Name, err)
	}
	sum := sha256.Sum256(text.Bytes)
	x.name, x.size, x.sha256 = text.Name, len(text.Bytes), hex.EncodeToString(sum[:])
	x.vocab = corpus.NewVocab(text.Bytes)
	if x.stream, err = corpus.Batchify(parts.Train, x.vocab, s.batchSize); err != nil {
		return fmt.Errorf("%s: training part: %w", text.Name, err)
	}
	if epochOver(0, x.stream.Rows) {
		return fmt.Errorf("%s: the training part of %d bytes is too short for a batch of %d: it needs at least 3 for each",
			text.Name, len(parts.Train), s.batchSize)
	}
	if x.valid, err = x.ids("validation", parts.Valid); err != nil {
		return err
	}
	if parts.Test != nil {
		x.test, err = x.ids("test", parts.Test)
	}
	return err
}

func (x *texts) ids(part string, text []byte) ([]int32, error) {
	if len(text) < 2 {
		return nil, fmt.Errorf("%s: the %s part has %d byte: it needs at least 2", x.name, part, len(text))
	}
	return x.vocab.Encode(text)
}

// folder is a name for a run on these texts: letters and digits of the file's.
func (s *settings) folder() string {
	if s.data == "" {
		return "go"
	}
	base := filepath.Base(filepath.Clean(s.data))
	for ext := filepath.Ext(base); ext != "" && ext != base; ext = filepath.Ext(base) {
		base = strings.TrimSuffix(base, ext)
	}
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, base), "-")
	if name == "" {
		return "text"
	}
	return name
}
