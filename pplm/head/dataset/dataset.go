package dataset

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Text is a labelled text.
type Text struct {
	Class int
	Text  string
}

// Set is a dataset.
type Set struct {
	Classes []string
	Default int    // the class that steering is towards where none is named
	Texts   []Text // to train on; where Test is empty, to be split
	Test    []Text
}

// Kinds are the names of the datasets, as in the reference.
var Kinds = []string{"SST", "clickbait", "toxic", "generic"}

// Open reads a dataset: of SST from a folder, else from a file. csv is for
// generic alone, see [TSV].
func Open(kind, path string, csv bool) (*Set, error) {
	s, err := open(kind, path, csv)
	if err != nil {
		return nil, fmt.Errorf("reading the %s dataset: %w", kind, err)
	}
	return s, nil
}

func open(kind, path string, csv bool) (*Set, error) {
	switch kind {
	case "SST":
		return SST(os.DirFS(path), path)
	case "clickbait":
		return readFile(path, Clickbait)
	case "toxic":
		if filepath.Ext(path) == ".csv" {
			return readFile(path, Kaggle)
		}
		return readFile(path, Toxic)
	case "generic":
		return readFile(path, func(name string, r io.Reader) (*Set, error) { return TSV(name, r, csv) })
	}
	return nil, fmt.Errorf("unknown: want one of %v", Kinds)
}

func readFile(path string, read func(name string, r io.Reader) (*Set, error)) (*Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(path, f)
}
