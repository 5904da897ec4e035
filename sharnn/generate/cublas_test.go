package main

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
)

// A checkpoint that the CPU wrote says the same on a GPU.
func TestCublas(t *testing.T) {
	cublastest.Simulate(t)
	dir := checkpoint(t)
	for _, dtype := range []string{"float32", "bf16", "int8"} {
		args := []string{"-checkpoint", dir, "-prompt", "abc", "-n", "40", "-temperature", "0", "-dtype", dtype}
		assert.Equal(t, output(t, "", args...), output(t, "", append(args, "-backend", "cublas")...), dtype)
	}
}
