package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/onnx"
	"github.com/tiller-ml/tiller/tensor"
)

// report says what was written and how to run it.
func (s *settings) report(w io.Writer, m *sharnn.Model, d *sharnn.Description) error {
	size, files := int64(0), []string{s.out, s.out + describedSuffix}
	for _, name := range []string{s.out, s.out + onnx.DataSuffix} {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return fmt.Errorf("reading what was written: %w", err)
		case name != s.out:
			files = append(files, name)
		}
		size += info.Size()
	}
	fmt.Fprintf(w, "wrote %s: %.1f MB, %d numbers of float32, opset 17\n", strings.Join(files, ", "), float64(size)/1e6, m.Size())
	switch d.DType {
	case tensor.Float64.String():
		fmt.Fprintln(w, "The checkpoint is of float64: its numbers are rounded to float32.")
	case tensor.Float32.String():
	default:
		fmt.Fprintf(w, "The checkpoint is of %s: its numbers are widened to float32, which makes the file larger and nothing more precise.\n", d.DType)
	}
	fmt.Fprintf(w, "\nInputs, for T symbols of each of B texts:\n  tokens  int64 (T, B)\n")
	fmt.Fprintf(w, "  blocks.N.h and blocks.N.c  float (B, %d), N from 0 to %d; zeros at first\n", m.Config.Width, len(m.Blocks)-1)
	for i, l := range m.Blocks {
		if l.Attn != nil && m.Config.Memory > 0 {
			fmt.Fprintf(w, "  blocks.%d.memory  float (M, B, %d), M at most %d; M = 0 at first\n", i, m.Config.Width, m.Config.Memory)
		}
	}
	fmt.Fprintf(w, "Outputs:\n  logits  float (T, B, %d)\n  next.X for each input X but tokens: the X of what follows\n", m.Config.Symbols)
	if len(d.Vocab) == 0 {
		fmt.Fprintln(w, "\nThe model is over bare ids: it has no vocabulary.")
		return nil
	}
	_, err := fmt.Fprintf(w, "\nTry it (pip install onnxruntime; examples/onnx has JavaScript and Go too):\n  python3 examples/onnx/python/generate.py %q \"It was \" 300\n", s.out)
	return err
}
