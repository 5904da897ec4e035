package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// trainingText is the file of the reference's --data folder that numbers the
// symbols.
const trainingText = "train.txt"

// dictionary is the reference's numbering of words, which -data or -words give; nil
// without both.
func (s *settings) dictionary(ctx context.Context) (*corpus.WordVocab, error) {
	switch {
	case s.words != "":
		return readWords(s.words)
	case s.data == "":
		return nil, nil
	}
	path := s.data
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, trainingText)
	}
	text, err := corpus.Open(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	v, err := corpus.LearnWords(ctx, text.Bytes, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// readWords reads words, one a line, as a folder's vocabulary is read.
func readWords(path string) (_ *corpus.WordVocab, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading words: %w", err)
	}
	dir, err := os.MkdirTemp("", "words-*")
	if err != nil {
		return nil, fmt.Errorf("reading words: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if !strings.HasSuffix(string(text), "\n") {
		text = append(text, '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, corpus.WordsFile), text, 0o666); err != nil {
		return nil, fmt.Errorf("reading words: %w", err)
	}
	v, err := corpus.LoadVocab(dir, []byte(`"words"`))
	if err != nil {
		return nil, fmt.Errorf("reading words from %s: %w", path, err)
	}
	return v.(*corpus.WordVocab), nil
}

// vocabulary is what a dictionary of the reference's is here: that of bytes where
// its words are the numbers of bytes, as its preparation of enwik8 writes them with
// a newline as it is, else itself.
func vocabulary(dictionary *corpus.WordVocab) corpus.Vocab {
	var text []byte
	for _, word := range spellings(dictionary) {
		if word == corpus.EndOfLine {
			text = append(text, '\n')
			continue
		}
		n, err := strconv.ParseUint(word, 10, 8)
		if err != nil || strconv.FormatUint(n, 10) != word || n == '\n' {
			return dictionary
		}
		text = append(text, byte(n))
	}
	return corpus.NewByteVocab(text)
}

// spellings are the words that the symbols of v, bytes or words, have in the
// reference's texts.
func spellings(v corpus.Vocab) []string {
	all := make([]string, v.Len())
	_, words := v.(*corpus.WordVocab)
	for id := range all {
		text := string(v.Decode([]int32{int32(id)}))
		switch {
		case text == "\n":
			all[id] = corpus.EndOfLine
		case words:
			all[id] = strings.TrimPrefix(text, " ")
		default:
			all[id] = strconv.Itoa(int(text[0]))
		}
	}
	return all
}

// order says which of the dictionary's words each symbol of v is.
func order(v corpus.Vocab, dictionary *corpus.WordVocab) ([]int, error) {
	if _, ok := v.(corpus.TokenVocab); ok {
		return nil, errors.New("the model is over byte-pair tokens, which the reference does not number: leave -data and -words out")
	}
	at := make(map[string]int, dictionary.Len())
	for i, word := range spellings(dictionary) {
		at[word] = i
	}
	order := make([]int, v.Len())
	for id, word := range spellings(v) {
		i, ok := at[word]
		if !ok {
			return nil, fmt.Errorf("the model's %s %q is not in the text of -data or -words", v.Unit(), word)
		}
		order[id] = i
	}
	if len(order) != len(at) {
		return nil, fmt.Errorf("the model has %d %ss, the text of -data or -words has %d", len(order), v.Unit(), len(at))
	}
	return order, nil
}

// inverse is the order that undoes one.
func inverse(order []int) []int {
	back := make([]int, len(order))
	for i, at := range order {
		back[at] = i
	}
	return back
}

// moved tells whether an order changes anything.
func moved(order []int) bool {
	for i, at := range order {
		if i != at {
			return true
		}
	}
	return false
}

// symbolRows are the tensors that have a row for each symbol.
func symbolRows(name string) bool {
	return name == "encoder.weight" || name == "decoder.weight" || name == "decoder.bias"
}

// reorder puts row order[i] of data where row i is.
func reorder(data []byte, order []int) []byte {
	out, row := make([]byte, 0, len(data)), len(data)/len(order)
	for _, at := range order {
		out = append(out, data[at*row:][:row]...)
	}
	return out
}

// reorder reorders a state dict's symbols. Tensors without a row for each stay as
// they are, for the model to refuse.
func (d *dict) reorder(order []int) {
	for i, x := range d.tensors {
		if symbolRows(x.Name) && len(x.Shape) > 0 && x.Shape[0] == len(order) {
			y := *x
			y.Data = reorder(x.Data, order)
			d.tensors[i] = &y
		}
	}
}

// reordered are sources whose symbols are reordered when they are written.
func reordered(sources []safetensors.Source, order []int) []safetensors.Source {
	out := make([]safetensors.Source, len(sources))
	for i, x := range sources {
		out[i] = x
		if symbolRows(x.Name) {
			out[i].Data = func(w io.Writer) error {
				var all buffer
				if err := x.Data(&all); err != nil {
					return err
				}
				_, err := w.Write(reorder(all, order))
				return err
			}
		}
	}
	return out
}

// buffer keeps what is written.
type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
