//go:build cgo && linux && !gpucheck

package bench

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
)

// buildGPUCheck is what "make gpu-check" builds.
func buildGPUCheck(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "gpu-check")
	out, err := exec.Command("make", "-C", "..", "gpu-check", "GPU_CHECK="+path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// gpuCheck runs the program where there is nothing but it.
func gpuCheck(t *testing.T, program string, args ...string) (out string, err error) {
	c := exec.Command(program, args...)
	c.Dir = t.TempDir()
	text, err := c.CombinedOutput()
	if report, missing := os.ReadFile(filepath.Join(c.Dir, "gpu-check.txt")); missing == nil {
		assert.Contains(t, string(text), string(report), "the report is what was printed")
	}
	return string(text), err
}

// TestGPUCheck: the program needs the C library alone, says what it tried where
// there is no GPU, and on the simulator tests, measures and prints its table.
func TestGPUCheck(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	program := buildGPUCheck(t)
	t.Run("libraries", func(t *testing.T) {
		f, err := elf.Open(program)
		require.NoError(t, err)
		defer f.Close()
		libraries, err := f.ImportedLibraries()
		require.NoError(t, err)
		assert.Empty(t, slices.DeleteFunc(libraries, func(name string) bool {
			return regexp.MustCompile(`^(libc|libdl|libpthread|ld-linux.*)\.so\.\d$`).MatchString(name)
		}))
	})
	t.Run("no GPU", func(t *testing.T) {
		b, err := backend.Open("cublas", backend.Config{})
		if err == nil {
			require.NoError(t, b.Close())
			t.Skip("this machine has one")
		}
		out, err := gpuCheck(t, program)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		assert.Equal(t, 1, exit.ExitCode())
		assert.Contains(t, out, "tried for libcuda:")
	})
	t.Run("simulator", func(t *testing.T) {
		cublastest.Simulate(t)
		out, err := gpuCheck(t, program, "-quick", "-python", "", "-test.benchtime", "1x", "-run", gpuParts)
		require.NoError(t, err, out)
		t.Log(out)
		_, table, found := strings.Cut(out, "these times mean nothing\n")
		require.True(t, found, out)
		assert.Contains(t, out, "libcublas 13.0.0: ")
		for _, row := range []string{
			"way=steps", "way=cudnn", "dtype=bf16/way=persistent", "rows=48/T=16/B=4/dtype=tf32", "rows=48/dtype=bf16",
			"iterations=0/dtype=int8", "iterations=3/dtype=bfloat16",
		} {
			assert.Regexp(t, row+` +\d[\d.e+]* +\d[\d.e+]* +\d\.\d\d`, table)
		}
	})
	t.Run("PyTorch", func(t *testing.T) {
		cublastest.Simulate(t)
		python := filepath.Join(t.TempDir(), "python")
		require.NoError(t, os.WriteFile(python, []byte(fakePython), 0o777))
		out, err := gpuCheck(t, program, "-quick", "-python", python, "-test.benchtime", "1x", "-run", "LSTM|PyTorch")
		require.NoError(t, err, out)
		_, table, found := strings.Cut(out, "these times mean nothing\n")
		require.True(t, found, out)
		assert.Regexp(t, `dtype=bf16/way=steps +\d[\d.e+]* +\d[\d.e+]* +\d\.\d\d +\d[\d.e+]*\n`, table)
		assert.Regexp(t, `PyTorch: T=16/B=4/H=64/dtype=fp16 +2 +32 +0\.50 +1\n`, table)
		assert.Contains(t, out, "GPUTrain/emsize=64/rows=48/T=16/B=4/dtype=bf16-compiled in PyTorch: exit status 3")
	})
	t.Run("failure", func(t *testing.T) {
		cublastest.Simulate(t)
		out, err := gpuCheck(t, program, "-quick", "-limit", "1ms", "-run", "GoldenLayers")
		assert.Error(t, err)
		assert.Contains(t, out, "FAILED TestGPUGoldenLayers: not done in 1ms")
	})
}

// fakePython has a PyTorch that is quickest in fp16 and cannot compile.
const fakePython = `#!/bin/sh
case "$2 $3" in
probe-gpu*) echo torch: fake ;;
*compiled) exit 3 ;;
*fp16) echo "BenchmarkTorch$3 10 2000000 ns/op 32 tokens/s 0.5 GiB" ;;
*) echo "BenchmarkTorch$3 10 3000000 ns/op 21.3 tokens/s 0.6 GiB" ;;
esac
`

// gpuParts are what the simulator is not too slow for beside the tests of package
// cublas, which run the conformance suite and the goldens on it.
const gpuParts = "Gradients|GoldenLayers|Agreement|Benchmark"
