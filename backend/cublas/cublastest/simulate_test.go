package cublastest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
)

func TestSimulate(t *testing.T) {
	cublastest.Simulate(t)
	b, err := backend.Open("cublas", backend.Config{})
	require.NoError(t, err)
	assert.Equal(t, "cublas", b.Name())
	x := backend.FromSlice(b, []float32{1, 2, 3}, 3)
	data, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2, 3}, data)
	backend.Release(b, x)
	require.NoError(t, b.Close())
}
