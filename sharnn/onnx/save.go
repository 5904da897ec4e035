package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// inline is the most bytes that a file may have: a protobuf message must stay
// below 2^31. Beyond it tensors go to a file of their own.
const inline = 1<<31 - 1

// DataSuffix follows the model's name in that of the file that holds the tensors
// of a model too large for one.
const DataSuffix = ".data"

// Save writes m, of float32, as an ONNX model to the file path. A model of 2 GB
// and more has its tensors beside it, in the file of the same name with
// [DataSuffix], of which the model knows the name without the folder. vocab is
// what [sharnn.Description] has, or nil.
//
// Files take the old ones' places when they are whole and on the disk. The old
// model is removed before its tensors are replaced, so that no model is ever
// read with another's tensors. progress, where it is not nil, is told how many
// of the tensors' bytes are written. The error is the device's, the disk's, ctx
// cancelled, or that m has no ONNX form.
func Save(ctx context.Context, path string, m *sharnn.Model, vocab json.RawMessage, progress func(done, total int64)) error {
	return save(ctx, path, m, vocab, progress, inline)
}

func save(ctx context.Context, path string, m *sharnn.Model, vocab json.RawMessage, progress func(done, total int64), most int64) error {
	g, err := build(m)
	if err != nil {
		return fmt.Errorf("exporting to ONNX: %w", err)
	}
	c := m.Config
	c.Collapsed = true
	config, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("exporting to ONNX: %w", err)
	}
	metadata := map[string]string{"config": string(config)}
	if vocab != nil {
		compact, err := json.Marshal(vocab)
		if err != nil {
			return fmt.Errorf("exporting to ONNX: vocab: %w", err)
		}
		metadata["vocab"] = string(compact)
	}
	g.watch(ctx, progress)
	if whole := model(g, metadata, nil); whole.size <= most {
		err = saveWhole(path, whole)
	} else {
		err = saveApart(path, g, metadata)
	}
	if err != nil {
		return fmt.Errorf("exporting to ONNX: %w", err)
	}
	return nil
}

// saveWhole writes one file, and removes the tensors of a larger model that it
// replaces.
func saveWhole(path string, whole *message) error {
	if err := safetensors.WriteAtomic(path, whole.write); err != nil {
		return err
	}
	return remove(path + DataSuffix)
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// saveApart writes the parameters to a file of their own. What operators ask for
// (shapes, axes) stays in the graph: runtimes read it while they check the model.
func saveApart(path string, g *graph, metadata map[string]string) error {
	const page = 4096 // where a runtime may map a tensor
	places, end, file := map[string]*place{}, int64(0), filepath.Base(path)+DataSuffix
	for _, t := range g.initializers {
		if t.elem == float32Type && len(t.dims) > 0 {
			places[t.name] = &place{file, end}
			end = (end + t.size() + page - 1) / page * page
		}
	}
	if err := remove(path); err != nil {
		return err
	}
	err := safetensors.WriteAtomic(path+DataSuffix, func(w io.Writer) error {
		at := int64(0)
		for _, t := range g.initializers {
			p, ok := places[t.name]
			if !ok {
				continue
			}
			if _, err := w.Write(make([]byte, p.offset-at)); err != nil {
				return err
			}
			if err := t.write(w); err != nil {
				return err
			}
			at = p.offset + t.size()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return safetensors.WriteAtomic(path, model(g, metadata, places).write)
}

// watch tells progress of the tensors' bytes as they are written, and stops
// where ctx is cancelled.
func (g *graph) watch(ctx context.Context, progress func(done, total int64)) {
	done, total := int64(0), int64(0)
	for i := range g.initializers {
		t := &g.initializers[i]
		total += t.size()
		write, size := t.write, t.size()
		t.write = func(w io.Writer) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := write(w); err != nil {
				return err
			}
			if done += size; progress != nil {
				progress(done, total)
			}
			return nil
		}
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
