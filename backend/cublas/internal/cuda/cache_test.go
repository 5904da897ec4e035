//go:build cgo && linux

package cuda

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A compiler whose images are "image 1", "image 2" ..., by how often it was
// called, and which does not compile what begins with "bad".
const countingSource = `
#include <stddef.h>
#include <stdio.h>
#include <string.h>
static int calls, bad;
static const char *log_text(void) { return bad ? "it is bad\n" : ""; }
int nvrtcVersion(int *a, int *b) { *a = 13; *b = 1; return 0; }
int nvrtcCreateProgram(void **p, const char *s, const char *n, int k, const char *const *h, const char *const *i) { bad = strncmp(s, "bad", 3) == 0; return 0; }
int nvrtcCompileProgram(void *p, int n, const char *const *options) { calls++; return bad ? 6 : 0; }
int nvrtcGetCUBINSize(void *p, size_t *n) { *n = 7; return 0; }
int nvrtcGetCUBIN(void *p, char *image) { char s[16]; sprintf(s, "image %d", calls); memcpy(image, s, 7); return 0; }
int nvrtcGetProgramLogSize(void *p, size_t *n) { *n = strlen(log_text()) + 1; return 0; }
int nvrtcGetProgramLog(void *p, char *log) { strcpy(log, log_text()); return 0; }
int nvrtcDestroyProgram(void **p) { return 0; }
const char *nvrtcGetErrorString(int r) { return "COMPILATION"; }
`

func counting(t *testing.T) *Cubins {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler: ", err)
	}
	root := t.TempDir()
	command := exec.Command(cc, "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", filepath.Join(root, "libnvrtc.so.13"))
	command.Stdin = strings.NewReader(countingSource)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	c, err := search(root, map[string]string{Override: "$"}).FindCompiler()
	require.NoError(t, err)
	return &Cubins{Compiler: c, Architecture: "sm_90", Folder: filepath.Join(root, "cache", "cubin"), Limit: cacheLimit}
}

// load asserts which compilation a source's image comes from.
func (c *Cubins) load(t *testing.T, source, want string) {
	t.Helper()
	image, err := c.Load("kernels.cu", source)
	require.NoError(t, err)
	assert.Equal(t, want, string(image))
}

func TestCubinsAreKept(t *testing.T) {
	c := counting(t)
	c.load(t, "one", "image 1")
	c.load(t, "one", "image 1")
	c.load(t, "two", "image 2")
	c.load(t, "one", "image 1")
	c.Architecture = "sm_80"
	c.load(t, "one", "image 3")
	c.Compiler.NVRTC.Version = "13.2"
	c.load(t, "one", "image 4")
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(c.Compiler.NVRTC.Path, later, later))
	c.load(t, "one", "image 5")
	entries, err := os.ReadDir(c.Folder)
	require.NoError(t, err)
	assert.Len(t, entries, 5)
}

func TestDamagedEntriesAreCompiledAnew(t *testing.T) {
	for name, damage := range map[string]func(entry []byte) []byte{
		"empty":     func(entry []byte) []byte { return nil },
		"short":     func(entry []byte) []byte { return entry[:20] },
		"truncated": func(entry []byte) []byte { return entry[:len(entry)-1] },
		"longer":    func(entry []byte) []byte { return append(entry, 0) },
		"changed":   func(entry []byte) []byte { entry[len(entry)-1] ^= 1; return entry },
	} {
		t.Run(name, func(t *testing.T) {
			c := counting(t)
			c.load(t, "one", "image 1")
			path := c.path("one")
			entry, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, damage(entry), 0o644))
			c.load(t, "one", "image 2")
			c.load(t, "one", "image 2")
		})
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	c := counting(t)
	require.NoError(t, os.WriteFile(filepath.Dir(c.Folder), nil, 0o644)) // a file where the folder would be
	c.load(t, "one", "image 1")
	c.load(t, "one", "image 2")
	c.Folder = ""
	c.load(t, "one", "image 3")
	c.load(t, "one", "image 4")
}

func TestCacheIsBounded(t *testing.T) {
	c := counting(t)
	c.load(t, "one", "image 1")
	info, err := os.Stat(c.path("one"))
	require.NoError(t, err)
	c.Limit = 3 * info.Size()
	c.load(t, "two", "image 2")
	c.load(t, "three", "image 3")
	for i, source := range []string{"one", "two", "three"} {
		used := time.Now().Add(time.Duration(i-10) * time.Minute)
		require.NoError(t, os.Chtimes(c.path(source), used, used))
	}
	c.load(t, "one", "image 1") // now two was used longest ago
	c.load(t, "four", "image 4")
	for source, kept := range map[string]bool{"one": true, "two": false, "three": true, "four": true} {
		_, err := os.Stat(c.path(source))
		assert.Equal(t, kept, err == nil, source)
	}
	c.Limit = 0
	c.load(t, "five", "image 5")
	entries, err := os.ReadDir(c.Folder)
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestSourceThatDoesNotCompile(t *testing.T) {
	c := counting(t)
	_, err := c.Load("kernels.cu", "bad")
	assert.EqualError(t, err, "NVRTC 13.1, sm_90: compiling kernels.cu: nvrtcCompileProgram: error 6: COMPILATION\nit is bad")
	_, err = os.Stat(c.Folder)
	assert.True(t, os.IsNotExist(err), "%v", err)
	c.load(t, "good", "image 2")
}
