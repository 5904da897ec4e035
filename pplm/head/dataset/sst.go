package dataset

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// The five sentiments, in the reference's order, and which of them the treebank's
// digits 0 (very negative) to 4 (very positive) are.
var (
	sentiments = []string{"positive", "negative", "very positive", "very negative", "neutral"}
	ofDigit    = [...]int{3, 1, 4, 0, 2}
)

// SST reads the Stanford Sentiment Treebank from the root of a file system:
// train.txt and test.txt, a parse tree a line, in the five classes of the
// reference. Each subtree of a training sentence is a text; name is the folder's,
// for errors.
func SST(files fs.FS, name string) (*Set, error) {
	s := &Set{Classes: sentiments, Default: 2}
	var err error
	if s.Texts, err = readTrees(files, "train.txt", true); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if s.Test, err = readTrees(files, "test.txt", false); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func readTrees(files fs.FS, name string, subtrees bool) ([]Text, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var texts []Text
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		found, err := parseTree(line)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, n, err)
		}
		if !subtrees {
			found = found[:1]
		}
		texts = append(texts, found...)
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: no trees", name)
	}
	return texts, nil
}

// span is a subtree: a class and the words from from to to.
type span struct{ class, from, to int }

// maxTreeDepth bounds the work that a line can ask for.
const maxTreeDepth = 1000

// parseTree reads a tree such as (3 (2 It) (4 works)) as the texts of itself and
// all subtrees, each before its own.
func parseTree(line string) ([]Text, error) {
	if !utf8.ValidString(line) {
		return nil, errors.New("it is not UTF-8")
	}
	var words []string
	var spans []span
	var open []int // of spans
	rest := line
	for rest != "" {
		switch {
		case rest[0] == '(':
			if len(open) == 0 && len(spans) > 0 || len(open) == maxTreeDepth {
				return nil, errors.New("more than one tree, or one too deep")
			}
			if len(rest) < 3 || rest[1] < '0' || rest[1] > '4' || rest[2] != ' ' {
				return nil, fmt.Errorf("%.12q where a tree with a label from 0 to 4 should begin", rest)
			}
			open = append(open, len(spans))
			spans = append(spans, span{class: ofDigit[rest[1]-'0'], from: len(words)})
			rest = rest[3:]
		case len(open) == 0:
			return nil, fmt.Errorf("%.12q outside the tree", rest)
		case rest[0] == ')':
			s := &spans[open[len(open)-1]]
			if s.to = len(words); s.to == s.from {
				return nil, errors.New("a tree without words")
			}
			open = open[:len(open)-1]
			rest = rest[1:]
		case rest[0] == ' ':
			rest = rest[1:]
		default:
			n := strings.IndexAny(rest, " ()")
			if n < 0 {
				n = len(rest)
			}
			words = append(words, rest[:n])
			rest = rest[n:]
		}
	}
	if len(open) > 0 || len(spans) == 0 {
		return nil, errors.New("a tree does not end")
	}
	texts := make([]Text, len(spans))
	for i, s := range spans {
		texts[i] = Text{s.class, Detokenize(words[s.from:s.to])}
	}
	return texts, nil
}
