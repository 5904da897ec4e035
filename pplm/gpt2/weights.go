package gpt2

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
	"strings"

	"github.com/tiller-ml/tiller/tensor/safetensors"
	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// The files of weights in a model's folder, in the order in which they are
// looked for.
const (
	WeightsFile = "model.safetensors"
	IndexFile   = "model.safetensors.index.json"
	TorchFile   = "pytorch_model.bin"
)

// weights are the tensors of a folder's files, by name without "transformer.".
type weights struct {
	tensors map[string]found
	files   []io.Closer
	where   string // the file that says what there is
}

// found is a tensor and the file that it is in.
type found struct {
	path string
	x    *safetensors.Tensor
}

// openWeights opens what files of weights a folder has.
func openWeights(dir string) (*weights, error) {
	for _, kind := range []struct {
		name string
		open func(w *weights, path string) error
	}{
		{WeightsFile, (*weights).addFile}, {IndexFile, (*weights).addShards}, {TorchFile, (*weights).addTorch},
	} {
		path := filepath.Join(dir, kind.name)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		w := &weights{tensors: map[string]found{}, where: path}
		if err := kind.open(w, path); err != nil {
			return nil, errors.Join(err, closeAll(w.files))
		}
		return w, nil
	}
	return nil, fmt.Errorf("%s has none of %s, %s and %s", dir, WeightsFile, IndexFile, TorchFile)
}

// addFile adds the tensors of a safetensors file.
func (w *weights) addFile(path string) error {
	f, err := safetensors.Open(path)
	if err != nil {
		return err
	}
	w.files = append(w.files, f)
	for i := range f.Tensors {
		if err := w.add(path, &f.Tensors[i]); err != nil {
			return err
		}
	}
	return nil
}

// add is an error where the tensor is there already, under either of its names.
func (w *weights) add(path string, x *safetensors.Tensor) error {
	name := strings.TrimPrefix(x.Name, "transformer.")
	if old, ok := w.tensors[name]; ok {
		return fmt.Errorf("%s: tensor %q is also %q of %s", path, x.Name, old.x.Name, old.path)
	}
	w.tensors[name] = found{path, x}
	return nil
}

// addTorch adds the tensors of a PyTorch file.
func (w *weights) addTorch(path string) error {
	f, err := torchfile.Open(path)
	if err != nil {
		return err
	}
	w.files = append(w.files, f)
	for _, name := range f.Names {
		x, err := f.Lookup(name)
		if err != nil {
			return err
		}
		if err := w.add(path, x); err != nil {
			return err
		}
	}
	return nil
}

// addShards adds the files that an index lists.
func (w *weights) addShards(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var index struct {
		Files map[string]string `json:"weight_map"` // by tensor
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	opened := map[string]bool{}
	for name, file := range index.Files {
		if opened[file] {
			continue
		}
		opened[file] = true
		if !filepath.IsLocal(file) {
			return fmt.Errorf("%s: tensor %q is in %q, want a file of the same folder", path, name, file)
		}
		if err := w.addFile(filepath.Join(filepath.Dir(path), file)); err != nil {
			return err
		}
	}
	for name, file := range index.Files {
		if f, ok := w.tensors[strings.TrimPrefix(name, "transformer.")]; !ok || filepath.Base(f.path) != filepath.Base(file) {
			return fmt.Errorf("%s: it says that tensor %q is in %s, where it is not", path, name, file)
		}
	}
	return nil
}

// tied tells of a decoder that is not the tokens' embeddings, as a GPT-2's is.
func (w *weights) tied() error {
	decoder, ok := w.tensors[decoderName]
	if !ok {
		return nil
	}
	e := w.tensors["wte.weight"]
	if decoder.x.DType != e.x.DType || !slices.Equal(decoder.x.Shape, e.x.Shape) || !bytes.Equal(decoder.x.Data, e.x.Data) {
		return fmt.Errorf("%s: tensor %q, %s %v, is not \"wte.weight\", %s %v, to which a GPT-2's is tied",
			decoder.path, decoderName, decoder.x.DType, decoder.x.Shape, e.x.DType, e.x.Shape)
	}
	return nil
}

// decoderName is the decoder's matrix, in files that have it.
const decoderName = "lm_head.weight"

// derived tells of tensors that say nothing which others do not: the mask of
// what a position may see, and the decoder, which is the tokens' embeddings.
func derived(name string) bool {
	return name == decoderName || strings.HasSuffix(name, ".attn.bias") || strings.HasSuffix(name, ".attn.masked_bias")
}

// closeAll closes files and returns what went wrong.
func closeAll(files []io.Closer) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
