package safetensors_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// TestGolden opens every golden file, which another library wrote: each holds
// the tensors that its case lists and is written again as equal tensors.
func TestGolden(t *testing.T) {
	root := os.Getenv("TILLER_GOLDEN")
	if root == "" {
		root = filepath.Join("..", "..", "testdata", "golden")
	}
	paths, err := filepath.Glob(filepath.Join(root, "*", "*", "tensors.safetensors"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(filepath.Dir(dir))+"/"+filepath.Base(dir), func(t *testing.T) {
			f, err := safetensors.Open(path)
			require.NoError(t, err)
			defer f.Close()
			checkListed(t, filepath.Join(dir, "case.json"), f)
			checkRewritten(t, f)
		})
	}
}

// checkListed compares the file with the types and shapes that its case gives;
// some cases only describe their tensors in words.
func checkListed(t *testing.T, path string, f *safetensors.File) {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var listed struct{ Tensors map[string]json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &listed))
	for name, entry := range listed.Tensors {
		var want struct {
			DType safetensors.DType
			Shape []int
		}
		if entry[0] != '{' {
			continue
		}
		require.NoError(t, json.Unmarshal(entry, &want))
		got, err := f.Lookup(name)
		require.NoError(t, err)
		assert.Equal(t, want.DType, got.DType, name)
		assert.Equal(t, want.Shape, got.Shape, name)
	}
}

func checkRewritten(t *testing.T, f *safetensors.File) {
	path := filepath.Join(t.TempDir(), "again.safetensors")
	require.NoError(t, safetensors.Write(path, f.Metadata, sources(f)))
	again, err := safetensors.Open(path)
	require.NoError(t, err)
	defer again.Close()
	require.Len(t, again.Tensors, len(f.Tensors))
	for _, want := range f.Tensors {
		got, err := again.Lookup(want.Name)
		require.NoError(t, err)
		assert.Equal(t, want.DType, got.DType)
		assert.Equal(t, want.Shape, got.Shape)
		assert.Equal(t, want.Data, got.Data)
	}
}
