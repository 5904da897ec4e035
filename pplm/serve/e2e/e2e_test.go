package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// missing skips a test where something that it needs is not there, unless
// TILLER_REQUIRE, a list, has its name.
func missing(t *testing.T, name, reason string) {
	t.Helper()
	if slices.Contains(strings.Fields(os.Getenv("TILLER_REQUIRE")), name) {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// node is the program that runs JavaScript, and modules the folder with the packages
// of package.json.
func node(t *testing.T, name string) (program, modules string) {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		missing(t, name, "no node in the path")
	}
	modules = os.Getenv("TILLER_E2E_MODULES")
	if modules == "" {
		modules, err = os.Getwd()
		require.NoError(t, err)
	}
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "playwright-core")); err != nil {
		missing(t, name, "no packages: run npm ci in pplm/serve/e2e, or name a folder that has its node_modules in TILLER_E2E_MODULES")
	}
	return program, modules
}

// chromium is the browser.
func chromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TILLER_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "chromium", "no Chromium in the path, and TILLER_CHROMIUM names none")
	return ""
}

// build makes the server's program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "serve")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/tiller-ml/tiller/pplm/serve").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return program
}

// TestPage drives the page of the real server, with the embedded model, in a real
// browser: the tests are those of the files beside this one.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	program, modules := node(t, "chromium")
	browser := chromium(t)
	files, err := filepath.Glob("*.test.mjs")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cmd := exec.CommandContext(t.Context(), program, append([]string{"--test", "--test-concurrency=1", "--test-reporter=spec"}, files...)...)
	cmd.Env = append(os.Environ(), "TILLER_SERVER="+build(t), "TILLER_E2E_MODULES="+modules, "TILLER_CHROMIUM="+browser)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}

// TestModules tests what the page's modules do without a browser.
func TestModules(t *testing.T) {
	program, err := exec.LookPath("node")
	if err != nil {
		missing(t, "chromium", "no node in the path")
	}
	files, err := filepath.Glob(filepath.Join("..", "internal", "page", "tests", "*.test.js"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	out, err := exec.CommandContext(t.Context(), program, append([]string{"--test", "--test-reporter=spec"}, files...)...).CombinedOutput()
	t.Logf("%s", out)
	require.NoError(t, err)
}
