//go:build cgo && linux

package kernels_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/kernels"
)

// compiler skips a test where there is no NVRTC, unless TILLER_REQUIRE, a list,
// has the word nvrtc.
func compiler(t *testing.T) *cuda.Compiler {
	t.Helper()
	c, err := cuda.Host().FindCompiler()
	if err == nil {
		return c
	}
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), "nvrtc") {
		t.Fatal(err)
	}
	t.Skip(err)
	return nil
}

// Each file compiles without a warning, for the oldest GPU that multiplies
// bfloat16 and for the one that the recipes are meant for.
func TestKernelsCompile(t *testing.T) {
	c := compiler(t)
	t.Logf("NVRTC %s: %s", c.NVRTC.Version, c.NVRTC.Path)
	names := kernels.Names()
	require.NotEmpty(t, names)
	for _, architecture := range []string{"sm_80", "sm_90"} {
		for _, name := range names {
			t.Run(architecture+"/"+name, func(t *testing.T) {
				t.Parallel()
				source, err := kernels.Source(name)
				require.NoError(t, err)
				start := time.Now()
				cubin, log, err := c.Compile(name+".cu", source, cuda.Options(architecture)...)
				require.NoError(t, err)
				assert.Empty(t, log)
				t.Logf("%d bytes in %.2f s", len(cubin), time.Since(start).Seconds())
			})
		}
	}
}
