package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
)

// What -tokens takes.
const (
	byteTokens = "bytes"
	bpeTokens  = "bpe"   // and a size
	wordTokens = "words" // and a size, or all words
	mostTokens = 1 << 16
	leastWords = 3 // <eos>, <unk> and a word
	mostWords  = 1 << 24
)

// parseTokens takes -tokens apart: its kind, and the size of the vocabulary that
// is asked for, 0 where that follows from the text.
func parseTokens(flag string) (kind string, size int, err error) {
	kind, number, sized := strings.Cut(flag, ":")
	least, most := bpe.MinSize, mostTokens
	switch {
	case kind == wordTokens && sized:
		least, most = leastWords, mostWords
	case flag == byteTokens, flag == wordTokens:
		return kind, 0, nil
	}
	if size, err = strconv.Atoi(number); err != nil || kind != bpeTokens && kind != wordTokens {
		return "", 0, fmt.Errorf("-tokens %s: want %s, %s, or a kind and a number as in %s:4096 and %[3]s:20000", flag, byteTokens, wordTokens, bpeTokens)
	}
	if size < least || size > most {
		return "", 0, fmt.Errorf("-tokens %s: want from %d to %d %s", flag, least, most, map[string]string{bpeTokens: "tokens", wordTokens: "words"}[kind])
	}
	return kind, size, nil
}

// openVocab is the vocabulary that -tokens asks for: of all bytes in the text, or
// learnt from its training part, which a run that goes on has done before.
func (s *settings) openVocab(ctx context.Context, bytes *corpus.ByteVocab, train []byte, from *saved, tell corpus.Progress) (corpus.Vocab, error) {
	kind, size, err := parseTokens(s.tokens)
	switch {
	case err != nil:
		return nil, err
	case kind == byteTokens:
		return bytes, nil
	case from != nil:
		d, err := sharnn.Describe(from.dir)
		if err != nil {
			return nil, err
		}
		return d.LoadVocab(from.dir)
	case kind == wordTokens:
		return corpus.LearnWords(ctx, train, size, tell)
	}
	return corpus.LearnTokens(ctx, train, size, tell)
}

// What -splits takes beside numbers.
const (
	autoSplits = "auto"
	noSplits   = "none"
)

// parseSplits are the split points that -splits asks for, in a vocabulary of n
// symbols.
func (s *settings) parseSplits(n int) ([]int, error) {
	switch {
	case s.splits == autoSplits && strings.HasPrefix(s.tokens, wordTokens):
		return sharnn.DefaultSplits(n), nil
	case s.splits == autoSplits, s.splits == noSplits:
		return nil, nil
	}
	var splits []int
	for field := range strings.SplitSeq(s.splits, ",") {
		at, err := strconv.Atoi(field)
		if err != nil || len(splits) > 0 && at <= slices.Max(splits) || at < 1 {
			return nil, fmt.Errorf("-splits %s: want %s, %s, or whole numbers that increase, as in 2000,20000", s.splits, autoSplits, noSplits)
		}
		splits = append(splits, at)
	}
	return splits, nil
}
