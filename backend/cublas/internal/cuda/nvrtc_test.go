//go:build cgo && linux

package cuda

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compiler skips a test where there is no NVRTC, unless TILLER_REQUIRE, a list,
// has the word nvrtc.
func compiler(t *testing.T) *Compiler {
	t.Helper()
	c, err := Host().FindCompiler()
	if err == nil {
		return c
	}
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), "nvrtc") {
		t.Fatal(err)
	}
	t.Skip(err)
	return nil
}

func TestCompile(t *testing.T) {
	c := compiler(t)
	const source = `extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2; }`
	cubin, log, err := c.Compile("twice.cu", source, Options("sm_80")...)
	require.NoError(t, err)
	assert.Empty(t, log)
	assert.True(t, bytes.HasPrefix(cubin, []byte("\x7fELF")))
	assert.Contains(t, string(cubin), "twice")
}

func TestCompileWarns(t *testing.T) {
	_, log, err := compiler(t).Compile("unused.cu", "__global__ void f() { int unused; }", Options("sm_80")...)
	require.NoError(t, err)
	assert.Contains(t, log, "unused.cu(1): warning")
}

func TestCompileFails(t *testing.T) {
	c := compiler(t)
	for _, test := range []struct {
		name, source string
		options      []string
		code         int
		want         string
	}{
		{"a wrong source", "__global__ void f() { int i = nothing; }", Options("sm_80"), 6, "wrong.cu(1): error"},
		{"an architecture that there is not", "", Options("sm_1"), 5, "invalid value for --gpu-architecture"},
	} {
		t.Run(test.name, func(t *testing.T) {
			image, log, err := c.Compile("wrong.cu", test.source, test.options...)
			assert.Nil(t, image)
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, test.code, e.Code)
			assert.Contains(t, log, test.want)
			assert.ErrorContains(t, err, test.want)
		})
	}
}
