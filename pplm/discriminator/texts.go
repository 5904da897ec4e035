package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/head/dataset"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// longest is the number of tokens from which on the reference drops a text.
const longest = 100

// tokenised are texts as the language model reads them, those to train on
// first where the dataset has its own to test on.
type tokenised struct {
	ids     [][]int32
	classes []int32
	train   int // where the texts to test on begin; 0: no such texts
}

// tokens reads the texts of a set. Longer ones than the language model can read
// are cut.
func (t *training) tokens(set *dataset.Set) (tokenised, error) {
	var out tokenised
	dropped, cut := 0, 0
	add := func(texts []dataset.Text) error {
		for i, x := range texts {
			ids, err := t.model.Encode(x.Text)
			if err != nil {
				return fmt.Errorf("text %d: %w", i+1, err)
			}
			if t.compat && len(ids) >= longest {
				dropped++
				continue
			}
			if t.model.Begin >= 0 {
				ids = append([]int32{t.model.Begin}, ids...)
			}
			if most := t.model.Info().Positions; most > 0 && len(ids) > most {
				ids = ids[:most]
				cut++
			}
			out.ids, out.classes = append(out.ids, ids), append(out.classes, int32(x.Class))
		}
		return nil
	}
	if err := add(set.Texts); err != nil {
		return out, err
	}
	if len(set.Test) > 0 {
		out.train = len(out.ids)
		if err := add(set.Test); err != nil {
			return out, err
		}
	}
	if dropped > 0 {
		if err := t.printf("dropped %d texts of %d tokens or more\n", dropped, longest); err != nil {
			return out, err
		}
	}
	if cut > 0 {
		if err := t.printf("cut %d texts to the language model's %d tokens\n", cut, t.model.Info().Positions); err != nil {
			return out, err
		}
	}
	return out, nil
}

// divide gives the rows to train and to test on.
func (t *training) divide(texts tokenised) (train, test []int32) {
	if texts.train == 0 {
		return head.Split(len(texts.ids), t.share, t.seed)
	}
	for i := range texts.ids {
		if i < texts.train {
			train = append(train, int32(i))
		} else {
			test = append(test, int32(i))
		}
	}
	return train, test
}

// representations are the mean hidden states (N, H), computed or found in the
// output folder.
func (t *training) representations(ctx context.Context, ids [][]int32) (*tensor.Tensor, error) {
	path := filepath.Join(t.output, "representations-"+t.key(ids)[:16]+".safetensors")
	if t.cached {
		x, err := t.readCache(path, len(ids))
		if err == nil {
			return t.kept(x, t.printf("representations found in %s\n", path))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	start := time.Now()
	t.showBar(len(ids), "reading texts")
	x, err := represent.Means(ctx, t.model, ids, t.compat, func(done int) {
		if t.bar != nil {
			t.bar.Set(done)
		}
	})
	t.hideBar()
	if err != nil {
		return nil, err
	}
	if t.cached {
		if err := t.writeCache(path, x); err != nil {
			return t.kept(x, err)
		}
	}
	return t.kept(x, t.printf("read in %.1f s\n", time.Since(start).Seconds()))
}

// kept is x, unless there was an error, with which it is freed.
func (t *training) kept(x *tensor.Tensor, err error) (*tensor.Tensor, error) {
	if err != nil {
		backend.Release(t.b, x)
		return nil, err
	}
	return x, nil
}

// key is a hash of all that the representations follow from.
func (t *training) key(ids [][]int32) string {
	h, info := sha256.New(), t.model.Info()
	fmt.Fprintf(h, "%s %d %t\n", info.Hash, t.lm.DType.Type, t.compat)
	var buf []byte
	for _, text := range ids {
		buf = binary.LittleEndian.AppendUint32(buf[:0], uint32(len(text)))
		for _, id := range text {
			buf = binary.LittleEndian.AppendUint32(buf, uint32(id))
		}
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// cacheName is the tensor's name in the cache.
const cacheName = "representations"

func (t *training) readCache(path string, n int) (*tensor.Tensor, error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := f.Lookup(cacheName)
	if err != nil {
		return nil, err
	}
	info := t.model.Info()
	if x.DType != safetensors.DTypeOf(info.DType) || len(x.Shape) != 2 || x.Shape[0] != n || x.Shape[1] != info.Width {
		return nil, fmt.Errorf("%s: representations %s %v, want %v [%d %d]", path, x.DType, x.Shape, info.DType, n, info.Width)
	}
	if info.DType == tensor.Float64 {
		data, err := x.Float64s()
		return place(t.b, data, x.Shape, err)
	}
	data, err := x.Float32s()
	return place(t.b, data, x.Shape, err)
}

func place[T tensor.Elem](b backend.Backend, data []T, shape []int, err error) (*tensor.Tensor, error) {
	if err != nil {
		return nil, err
	}
	return backend.FromSlice(b, data, shape...), nil
}

func (t *training) writeCache(path string, x *tensor.Tensor) error {
	var source safetensors.Source
	if x.DType == tensor.Float64 {
		data, err := backend.Data[float64](t.b, x)
		if err != nil {
			return err
		}
		source = safetensors.FromSlice(cacheName, data, x.Shape...)
	} else {
		data, err := backend.Data[float32](t.b, x)
		if err != nil {
			return err
		}
		source = safetensors.FromSlice(cacheName, data, x.Shape...)
	}
	return safetensors.Write(path, nil, []safetensors.Source{source})
}
