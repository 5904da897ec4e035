package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// A run on a GPU has the CPU's losses but for rounding, can be stopped and goes
// on bit for bit, and its checkpoints are the CPU's.
func TestCublas(t *testing.T) {
	cublastest.Simulate(t)
	data := text(t, 600)
	cpuOut, gpuOut, cut := t.TempDir(), t.TempDir(), t.TempDir()
	args := []string{"-steps", "8", "-eval-interval", "4", "-dropouth", "0.1", "-wdrop", "0.2", "-recompute", "-ema", "0.9"}
	gpu := append(args, "-backend", "cublas")
	want, _ := train(t, tiny(data, cpuOut, args...)...)
	got, _ := train(t, tiny(data, gpuOut, gpu...)...)
	require.Len(t, got, len(want))
	for i := range want {
		assert.InEpsilon(t, want[i].Loss, got[i].Loss, 1e-4, "line %d", i)
	}

	first, _ := stopAt(t, 3, tiny(data, cut, gpu...)...)
	rest, _ := train(t, "-resume", cut)
	assert.Equal(t, timeless(got), timeless(append(first, rest...)))
	requireSameRun(t, gpuOut, cut)

	on, _ := train(t, "-resume", gpuOut, "-backend", "cpu", "-steps", "10")
	assert.Equal(t, 10, on[len(on)-1].Step, "the CPU goes on with it")
}

// bf16 trains as float32 does, nearly, and keeps float32 weights.
func TestCublasBF16(t *testing.T) {
	cublastest.Simulate(t)
	data, out := text(t, 600), t.TempDir()
	args := []string{"-steps", "6", "-eval-interval", "6"}
	want, _ := train(t, tiny(data, t.TempDir(), args...)...)
	got, _ := train(t, tiny(data, out, append(args, "-backend", "cublas", "-dtype", "bf16")...)...)
	require.Len(t, got, len(want))
	different := false
	for i := range want {
		assert.InEpsilon(t, want[i].Loss, got[i].Loss, 2e-2, "line %d", i)
		different = different || want[i].Loss != got[i].Loss
	}
	assert.True(t, different, "products were not rounded")

	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m, _, err := sharnn.Load(b, out, 0)
	require.NoError(t, err)
	defer m.Free()
	for name, p := range m.Params() {
		assert.Equal(t, tensor.Float32, p.Value.DType, name)
	}
}

func TestCublasOutOfMemory(t *testing.T) {
	cublastest.Simulate(t)
	args := tiny(text(t, 600), t.TempDir(), "-steps", "2", "-backend", "cublas", "-emsize", "16384", "-nhid", "16384")
	err := func() (err error) {
		defer tensor.Catch(&err) // as command.Main does
		return run(t.Context(), args, t.Output(), nil)
	}()
	assert.ErrorContains(t, err, "has no memory for")
	assert.ErrorContains(t, err, "-batch_size")
}
