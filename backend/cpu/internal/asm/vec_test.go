//go:build amd64 && !noasm

package asm

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVecRegisters checks that no AVX2 kernel was given a register or an
// instruction that only AVX-512 has. The generator's allocator does not know
// the limit.
func TestVecRegisters(t *testing.T) {
	source, err := os.ReadFile("vec_amd64.s")
	require.NoError(t, err)
	kernels := 0
	for _, text := range strings.Split(string(source), "\n// func ")[1:] {
		name, rest, _ := strings.Cut(text, "(")
		if !strings.HasSuffix(name, "AVX2") {
			continue
		}
		requires, code, _ := strings.Cut(rest, "\nTEXT")
		require.NotContains(t, requires, "AVX512", name)
		require.NotRegexp(t, `\b[XYZ](1[6-9]|2[0-9]|3[01])\b`, code, name)
		kernels++
	}
	require.NotZero(t, kernels)
}
