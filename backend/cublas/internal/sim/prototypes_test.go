package sim

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// declarations declare what the loader looks for, as it calls it: a function of
// the simulator of another type does not compile beside them. The loader tells
// which are missing.
const declarations = `
#include "api.h"
#define DECLARE(result, name, parameters) extern "C" result name parameters;
DRIVER_FUNCTIONS(DECLARE)
NVRTC_FUNCTIONS(DECLARE)
CUBLAS_FUNCTIONS(DECLARE)
CUDNN_FUNCTIONS(DECLARE)
`

// need skips a test where there is no compiler, but where TILLER_REQUIRE names the
// simulator.
func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrNoCompiler) && !strings.Contains(os.Getenv("TILLER_REQUIRE"), "simulator") {
		t.Skip(err)
	}
	require.NoError(t, err)
}

func TestPrototypesAndWarnings(t *testing.T) {
	c, err := findCompiler()
	need(t, err)
	api, err := os.ReadFile(filepath.Join("..", "cuda", "api.h"))
	require.NoError(t, err)
	units, headers, err := list(c, nil)
	require.NoError(t, err)
	dir := t.TempDir()
	headers["api.h"], headers["declarations.h"] = api, []byte(declarations)
	for name, text := range headers {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	args := append([]string{"-fsyntax-only", "-Werror", "-include", "declarations.h"}, hostFlags...)
	for _, u := range units {
		if u.source != nil || strings.HasSuffix(u.name, ".failed.cpp") {
			continue
		}
		require.NoError(t, os.WriteFile(filepath.Join(dir, u.name), u.text, 0o600))
		args = append(args, u.name)
	}
	_, err = c.run(dir, nil, args...)
	require.NoError(t, err)
}

// TestLSTM builds and runs testdata/lstm.cpp.
func TestLSTM(t *testing.T) {
	c, err := findCompiler()
	need(t, err)
	library, err := Build()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), "lstm")
	_, err = c.run("", nil, "-std=c++17", "-O1", "-Wall", "-Wextra", "-I", filepath.Join("..", "cuda"), "-o", program,
		filepath.Join("testdata", "lstm.cpp"), library, "-Wl,-rpath,"+filepath.Dir(library))
	require.NoError(t, err)
	out, err := exec.Command(program).Output()
	require.NoError(t, err, "%s", out)
}

func TestWithoutCompiler(t *testing.T) {
	t.Setenv("CXX", "no-such-compiler")
	t.Setenv("PATH", t.TempDir())
	_, err := Build()
	require.ErrorIs(t, err, ErrNoCompiler)
}
