package bpe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// Save writes vocab.json and merges.txt to a folder, made where it is not there,
// and added_tokens.json where there are special tokens. Each file takes the old
// one's place when it is whole.
func (t *Tokenizer) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving a vocabulary: %w", err)
	}
	added := filepath.Join(dir, AddedFile)
	if len(t.special.all) == 0 {
		if err := os.Remove(added); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("saving a vocabulary: %w", err)
		}
	} else if err := write(added, t.jsonOf(t.Special())); err != nil {
		return err
	}
	every := make([]int32, len(t.tokens))
	for id := range every {
		every[id] = int32(id)
	}
	if err := write(filepath.Join(dir, VocabFile), t.jsonOf(every)); err != nil {
		return err
	}
	return write(filepath.Join(dir, MergesFile), t.mergeLines())
}

func write(path string, text []byte) error {
	err := safetensors.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return fmt.Errorf("saving a vocabulary: %w", err)
	}
	return nil
}

// spelt is a token as the files write it: a special one as it is.
func (t *Tokenizer) spelt(id int32) string {
	if t.isSpecial(id) {
		return t.tokens[id]
	}
	return spell(t.tokens[id])
}

func (t *Tokenizer) isSpecial(id int32) bool {
	_, found := slices.BinarySearch(t.special.ids, id)
	return found
}

// jsonOf is a JSON object of tokens and their ids, a line each.
func (t *Tokenizer) jsonOf(ids []int32) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	separator := "{\n"
	for _, id := range ids {
		out.WriteString(separator)
		separator = ",\n"
		e.Encode(t.spelt(id)) // a string into a buffer: no error
		out.Truncate(out.Len() - 1)
		fmt.Fprintf(&out, ": %d", id)
	}
	out.WriteString("\n}\n")
	return out.Bytes()
}

func (t *Tokenizer) mergeLines() []byte {
	var out bytes.Buffer
	out.WriteString("#version: 0.2\n")
	for _, p := range t.merges {
		fmt.Fprintf(&out, "%s %s\n", t.spelt(p.left), t.spelt(p.right))
	}
	return out.Bytes()
}
