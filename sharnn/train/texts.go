package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// texts are what a run reads.
type texts struct {
	name   string // for people
	size   int    // bytes of the whole text
	sha256 string
	vocab  corpus.Vocab
	stream *corpus.Stream
	valid  part
	test   part // of no ids where the split has no third part
}

// part is a text to evaluate on.
type part struct {
	ids     []int32
	perByte float64 // symbols that stand for a byte
}

// open reads the texts. from is the save that the run goes on from, nil where it
// begins.
func (x *texts) open(ctx context.Context, s *settings, from *saved) error {
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
	if x.vocab, err = s.openVocab(ctx, text.Bytes, parts.Train, from); err != nil {
		return fmt.Errorf("%s: %w", text.Name, err)
	}
	if x.stream, err = corpus.Batchify(parts.Train, x.vocab, s.batchSize); err != nil {
		return fmt.Errorf("%s: training part: %w", text.Name, err)
	}
	if epochOver(0, x.stream.Rows) {
		return fmt.Errorf("%s: the training part is too short for a batch of %d: it needs at least 3 %ss for each",
			text.Name, s.batchSize, x.vocab.Unit())
	}
	if x.valid, err = x.part("validation", parts.Valid); err != nil {
		return err
	}
	if parts.Test != nil {
		x.test, err = x.part("test", parts.Test)
	}
	return err
}

// openVocab is the vocabulary that -tokens asks for: of all bytes in the text, or
// learnt from its training part, which a run that goes on has done before.
func (s *settings) openVocab(ctx context.Context, text, train []byte, from *saved) (corpus.Vocab, error) {
	size, err := parseTokens(s.tokens)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return corpus.NewByteVocab(text), nil
	}
	var t *bpe.Tokenizer
	if from != nil {
		t, err = bpe.Load(from.dir)
	} else {
		t, err = bpe.Train(ctx, string(train), size, nil)
	}
	if err != nil {
		return nil, err
	}
	return corpus.TokenVocab{BPE: t}, nil
}

func (x *texts) part(name string, text []byte) (part, error) {
	ids, err := x.vocab.Encode(text)
	if err != nil {
		return part{}, fmt.Errorf("%s: the %s part: %w", x.name, name, err)
	}
	if len(ids) < 2 {
		return part{}, fmt.Errorf("%s: the %s part has %d %s: it needs at least 2", x.name, name, len(ids), x.vocab.Unit())
	}
	return part{ids, corpus.PerByte(x.vocab, ids)}, nil
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
