//go:build unix

package safetensors_test

import (
	"os"
	"os/signal"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// The system refuses bytes midway, as a full disk does: a limit on the length
// of files stands in for one, since it needs no rights.
func TestWriteRefusedBySystem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.safetensors")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o666))

	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	short := old
	short.Cur = 1 << 18
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &short))
	err := safetensors.Write(path, nil, []safetensors.Source{
		safetensors.FromSlice("a", make([]float32, 1<<14), 1<<14),
		safetensors.FromSlice("b", make([]float32, 1<<18), 1<<18),
	})
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old))
	require.ErrorIs(t, err, unix.EFBIG)
	require.ErrorContains(t, err, `tensor "b"`)
	requireOnly(t, path, "old")
}
