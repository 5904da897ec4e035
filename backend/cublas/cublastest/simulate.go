//go:build cgo && linux

package cublastest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/internal/sim"
)

// Simulate makes the simulator what the backend cublas finds, until the test
// ends. Where there is no C++ compiler the test is skipped, or fails if
// TILLER_REQUIRE names the simulator.
func Simulate(t testing.TB) {
	t.Helper()
	m, err := sim.Open()
	if errors.Is(err, sim.ErrNoCompiler) && !strings.Contains(os.Getenv("TILLER_REQUIRE"), "simulator") {
		t.Skip(err)
	}
	require.NoError(t, err)
	dir := t.TempDir()
	for _, name := range []string{"libcuda.so.1", "libnvrtc.so.13", "libcublas.so.13", "libcublasLt.so.13", "libcudnn.so.9"} {
		require.NoError(t, os.Symlink(m.Paths().Driver, filepath.Join(dir, name)))
	}
	t.Setenv(cuda.Override, dir)
}
