package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/cublastest"
)

// Steering on a GPU gives the text that the CPU gives.
func TestCublas(t *testing.T) {
	cublastest.Simulate(t)
	args := small("-B " + bag + " -num_iterations 2 -json")
	want := samplesOf(t, output1(t, args...))
	got := samplesOf(t, output1(t, append(args, "-backend", "cublas")...))
	require.Len(t, got, len(want))
	for i := range want {
		require.Len(t, got[i].Tokens, len(want[i].Tokens))
		for k, token := range want[i].Tokens {
			assert.Equal(t, token.Text, got[i].Tokens[k].Text)
			assert.InDelta(t, token.Steered, got[i].Tokens[k].Steered, 1e-4)
		}
	}
}
