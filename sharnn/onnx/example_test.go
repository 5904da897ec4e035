package onnx_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/onnx"
	"github.com/tiller-ml/tiller/tensor"
)

// A model as a file for other runtimes.
func Example() {
	b, err := backend.Open("cpu", backend.Config{})
	if err != nil {
		panic(err)
	}
	defer b.Close()
	model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 5, Width: 8, Hidden: 16, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 100,
	}, 1)
	if err != nil {
		panic(err)
	}
	defer model.Free()

	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path, last := filepath.Join(dir, "model.onnx"), int64(0)
	err = onnx.Save(context.Background(), path, model, nil, func(done, total int64) { last = total - done })
	if err != nil {
		panic(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s of %d kB, %d bytes left to write\n", info.Name(), info.Size()/1000, last)
	// Output: model.onnx of 18 kB, 0 bytes left to write
}
