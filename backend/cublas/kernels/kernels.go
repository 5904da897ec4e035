// Package kernels holds the source of the CUDA kernels, as text: see prelude.cu.
package kernels

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.cu
var files embed.FS

// Prelude stands before each file.
const Prelude = "prelude"

// Names are the files' names without their ending, but for the prelude's, in
// alphabetical order. Each is compiled on its own.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // it is in the program
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".cu"); name != Prelude {
			names = append(names, name)
		}
	}
	return names
}

// Source is one file with the prelude before it, as it is compiled.
func Source(name string) (string, error) {
	text, err := files.ReadFile(name + ".cu")
	if err != nil {
		return "", fmt.Errorf("kernels: %w", err)
	}
	prelude, err := files.ReadFile(Prelude + ".cu")
	if err != nil {
		return "", fmt.Errorf("kernels: %w", err)
	}
	return string(prelude) + "\n" + string(text), nil
}
