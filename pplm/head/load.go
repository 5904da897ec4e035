package head

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The names of a head's tensors.
const (
	weightName = "mlp.weight"
	biasName   = "mlp.bias"
)

// maxFile is the length of the longest file that is read as a head's.
const maxFile = 1 << 28

// document is the JSON beside our own weights.
type document struct {
	Classes []string `json:"classes"`
	Default int      `json:"default_class"`
	Width   int      `json:"width"`
	Model   string   `json:"model"`
	Hash    string   `json:"model_hash"`
	Weights string   `json:"weights_sha256"` // of the file of weights
}

// NotFoundError is what [Load] returns where there is no file for a path.
type NotFoundError struct {
	Files []string // that would have been one
}

func (e *NotFoundError) Error() string {
	return "reading a head: there is no " + strings.Join(e.Files, ", ")
}

// Load reads a head. path is a file of weights, ours (.safetensors, with the
// .json of the same name beside it) or PyTorch's (see [LoadTorch]), or such a
// path without its ending. Where there is none the error is a *[NotFoundError].
func Load(path string) (*Head, error) {
	candidates := []string{path}
	switch filepath.Ext(path) {
	case ".safetensors", ".pt", ".pth", ".bin":
	default:
		candidates = nil
		for _, end := range []string{".safetensors", ".pt", "_classifier_head.safetensors", "_classifier_head.pt", "_classifierhead.pt"} {
			candidates = append(candidates, path+end)
		}
		if dir, name := filepath.Split(path); name == "sentiment" {
			candidates = append(candidates, dir+"SST_classifier_head.pt")
		}
	}
	for _, p := range candidates {
		_, err := os.Stat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case filepath.Ext(p) == ".safetensors":
			return loadOwn(p)
		}
		return LoadTorch(p, "")
	}
	return nil, &NotFoundError{candidates}
}

func loadOwn(path string) (*Head, error) {
	h, err := readOwn(path)
	if err != nil {
		return nil, fmt.Errorf("reading the head %s: %w", path, err)
	}
	return h, nil
}

func readOwn(path string) (*Head, error) {
	doc, err := readShort(documentOf(path))
	if err != nil {
		return nil, err
	}
	weights, err := readShort(path)
	if err != nil {
		return nil, err
	}
	return Parse(doc, weights)
}

// Parse reads a head from what the two files that [Head.Save] writes hold: the
// JSON and the weights.
func Parse(doc, weights []byte) (*Head, error) {
	var d document
	if err := json.Unmarshal(doc, &d); err != nil {
		return nil, fmt.Errorf("its JSON: %w", err)
	}
	if sum := sha256.Sum256(weights); hex.EncodeToString(sum[:]) != d.Weights {
		return nil, errors.New("its JSON has the checksum of other weights")
	}
	f, err := safetensors.Parse(weights)
	if err != nil {
		return nil, err
	}
	h := &Head{Classes: d.Classes, Default: d.Default, Width: d.Width, Model: d.Model, Hash: d.Hash}
	return h, h.read(f.Lookup)
}

// documentOf is the path of the JSON that belongs to a file of weights.
func documentOf(weights string) string {
	return strings.TrimSuffix(weights, filepath.Ext(weights)) + ".json"
}

// read fills in the numbers, which classes and width must fit.
func (h *Head) read(lookup func(string) (*safetensors.Tensor, error)) error {
	for _, part := range []struct {
		name  string
		shape []int
		to    *[]float64
	}{
		{weightName, []int{len(h.Classes), h.Width}, &h.Weight},
		{biasName, []int{len(h.Classes)}, &h.Bias},
	} {
		t, err := lookup(part.name)
		if err != nil {
			return err
		}
		if fmt.Sprint(t.Shape) != fmt.Sprint(part.shape) {
			return fmt.Errorf("tensor %q has shape %v; %d classes and width %d want %v", part.name, t.Shape, len(h.Classes), h.Width, part.shape)
		}
		if *part.to, err = t.Float64s(); err != nil {
			return err
		}
	}
	return h.validate()
}

func readJSON(path string, v any) error {
	text, err := readShort(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// readShort reads a file of at most maxFile bytes.
func readShort(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: not a regular file of at most %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}
