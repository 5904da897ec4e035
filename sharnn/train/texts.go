package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/internal/command"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// texts are what a run reads: files that are mapped, the text and, but for bytes,
// its symbols.
type texts struct {
	name   string // for people
	size   int    // bytes of the whole text
	sha256 string
	vocab  corpus.Vocab
	stream *corpus.Stream
	valid  part
	test   part // of nil ids where the split has no third part
	closes []func() error
}

// part is a text to evaluate on.
type part struct {
	ids     *corpus.IDs
	perByte float64 // symbols that stand for a byte
}

// open reads the texts, from the net where -fetch asks for it, and tells out how
// far it is. from is the save that the run goes on from, nil where it begins. The
// caller closes the texts, after an error too.
func (x *texts) open(ctx context.Context, s *settings, from *saved, tell corpus.Progress) error {
	if s.fetch != "" {
		var err error
		if s.data, err = corpus.Fetch(ctx, s.fetch, tell); err != nil {
			return err
		}
		s.fetch = "" // from here on it is a file like any other
	}
	text, parts, _, err := corpus.OpenParts(ctx, s.data, s.split, tell)
	if err != nil {
		return err
	}
	x.closes = append(x.closes, text.Close)
	sum, err := corpus.Scan(ctx, text.Bytes, tell)
	if err != nil {
		return err
	}
	x.name, x.size, x.sha256 = text.Name, len(text.Bytes), hex.EncodeToString(sum.SHA256[:])
	if x.vocab, err = s.openVocab(ctx, sum.Vocab(), parts.Train, from, tell); err != nil {
		return fmt.Errorf("%s: %w", text.Name, err)
	}
	if err := x.openStream(ctx, s, parts.Train, tell); err != nil {
		return err
	}
	if x.valid, err = x.part(ctx, "validation", parts.Valid, tell); err != nil {
		return err
	}
	if parts.Test != nil {
		x.test, err = x.part(ctx, "test", parts.Test, tell)
	}
	return err
}

// openStream lays out what the model learns from.
func (x *texts) openStream(ctx context.Context, s *settings, train []byte, tell corpus.Progress) error {
	ids, err := x.encode(ctx, train, tell)
	if err == nil {
		x.stream, err = corpus.Batchify(ids, s.batchSize)
	}
	if err != nil {
		return fmt.Errorf("%s: training part: %w", x.name, err)
	}
	if epochOver(0, x.stream.Rows) {
		return fmt.Errorf("%s: the training part is too short for a batch of %d: it needs at least 3 %ss for each",
			x.name, s.batchSize, x.vocab.Unit())
	}
	return nil
}

func (x *texts) encode(ctx context.Context, text []byte, tell corpus.Progress) (*corpus.IDs, error) {
	ids, err := corpus.EncodeText(ctx, x.vocab, text, tell)
	if err == nil {
		x.closes = append(x.closes, ids.Close)
	}
	return ids, err
}

func (x *texts) part(ctx context.Context, name string, text []byte, tell corpus.Progress) (part, error) {
	ids, err := x.encode(ctx, text, tell)
	if err != nil {
		return part{}, fmt.Errorf("%s: the %s part: %w", x.name, name, err)
	}
	if ids.Len() < 2 {
		return part{}, fmt.Errorf("%s: the %s part has %d %s: it needs at least 2", x.name, name, ids.Len(), x.vocab.Unit())
	}
	return part{ids, ids.PerByte()}, nil
}

// close gives back what open mapped.
func (x *texts) close() error {
	var err error
	for _, done := range x.closes {
		err = errors.Join(err, done())
	}
	return err
}

// openTexts is open with bars where the run reports to a terminal.
func (t *trainer) openTexts(ctx context.Context, from *saved) error {
	tell, clear := command.Progress(t.report.out)
	defer clear()
	return t.texts.open(ctx, t.settings, from, tell)
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
