package asm

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain prints the instruction set where TestSwitches asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("TILLER_PRINT_ISA") != "" {
		fmt.Print(ISA)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestSwitches: what GODEBUG switches off is not used, and no less.
func TestSwitches(t *testing.T) {
	isa := func(switches string) string {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "TILLER_PRINT_ISA=1", "GODEBUG="+switches)
		out, err := c.Output()
		require.NoError(t, err)
		return string(out)
	}
	best := isa("")
	second := min(AVX2, ISA).String()
	for name, want := range map[string]string{
		"cpu.aes=off":                 best,
		"cpu.avx512f=off":             second,
		"cpu.avx512bw=off":            second,
		"cpu.avx512dq=off":            second,
		"cpu.avx512vl=off":            second,
		"cpu.avx512=off":              second,
		"cpu.avx2=off":                "generic",
		"cpu.fma=off":                 "generic",
		"cpu.avx512f=off,cpu.fma=off": "generic",
		"cpu.all=off":                 "generic",
	} {
		assert.Equal(t, want, isa(name), name)
	}
}
