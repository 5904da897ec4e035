package torchfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/torchfile"
)

// FuzzParse: bad bytes give an error, not a panic, and no more memory than a
// multiple of their own; good ones give tensors that fill their shapes.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(data)
	}
	var written bytes.Buffer
	require.NoError(f, torchfile.Encode(&written, sources(), tie))
	f.Add(written.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		file, err := torchfile.Parse(data)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20+1000*len(data)))
		if err != nil {
			return
		}
		for _, name := range file.Names {
			x, err := file.Lookup(name)
			require.NoError(t, err)
			n := x.DType.Size()
			for _, d := range x.Shape {
				n *= d
			}
			require.Len(t, x.Data, n)
			_, err = x.Float32s()
			require.NoError(t, err)
		}
	})
}
