//go:build gpucheck

package bench

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
)

//go:embed reference.py
var reference []byte

// compareWithPyTorch runs the same work in PyTorch where it has a GPU.
func compareWithPyTorch(w io.Writer) {
	fmt.Fprintln(w, "\n=== PyTorch")
	script, err := writeReference()
	if err != nil {
		fmt.Fprintln(w, "no comparison with PyTorch:", err)
		return
	}
	defer os.Remove(script)
	if err := runWithin(*limit, w, *python, script, "probe-gpu"); err != nil {
		fmt.Fprintf(w, "no comparison with PyTorch: %s: %v\n", *python, err)
		return
	}
	seconds := "3"
	if *quick {
		seconds = "0.1"
	}
	for _, benchmark := range torchBenchmarks() {
		if err := runWithin(*limit, w, *python, script, "torch-gpu", benchmark, "-seconds", seconds); err != nil {
			fmt.Fprintf(w, "%s in PyTorch: %v\n", benchmark, err)
		}
	}
}

// writeReference writes the script to a file of its own.
func writeReference() (path string, err error) {
	f, err := os.CreateTemp("", "reference*.py")
	if err != nil {
		return "", err
	}
	_, err = f.Write(reference)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("writing the program for PyTorch: %w", err)
	}
	return f.Name(), nil
}

// torchBenchmarks are the names of our benchmarks, with PyTorch's types.
func torchBenchmarks() []string {
	width, T, B, memory := paper()
	var names []string
	add := func(name string, types ...string) {
		for _, d := range types {
			names = append(names, name+"/dtype="+d)
		}
	}
	types := []string{"float32", "tf32", "fp16", "bf16"}
	compiled := slices.Concat(types, []string{"fp16-compiled", "bf16-compiled"})
	add(fmt.Sprintf("GPULSTM/T=%d/B=%d/H=%d", T, B, width), types...)
	add(fmt.Sprintf("GPUTrain/emsize=%d/rows=%d/T=%d/B=%d", width, memory, T, B), compiled...)
	add(fmt.Sprintf("GPUDecode/emsize=%d/rows=%d", width, memory), compiled...)
	name, _ := steered()
	add("GPUSteer/model="+name+"/iterations=3", types...)
	return names
}
