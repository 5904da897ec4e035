//go:build cgo && linux

package cuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fake libraries, from which the search tells what it chose: they have all
// functions that the table names, and none does anything. A fake is written as
// its kind and version and then, each as a word,
//
//	init=100     what cuInit returns
//	without=f    that it has no function f
//	with=f       that it has a function f besides
//	calls=f      that it calls f, of a library that it is not linked to
//	needs=file   the library that it is linked to, of the same folder
//	soname=name  the name that others are linked to it by
//
// or as "all", which is all four libraries, or as "garbage", or as nothing, which is an empty file.

// tree makes files in a new folder, which it returns.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, spec := range files {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(spec), 0o755))
	}
	for _, linked := range []bool{false, true} { // those that others are linked to come first
		for path, spec := range files {
			if spec != "" && spec != "garbage" && strings.Contains(spec, "needs=") == linked {
				fake(t, filepath.Join(root, path), strings.Fields(spec))
			}
		}
	}
	return root
}

// fake compiles one library.
func fake(t *testing.T, path string, words []string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler: ", err)
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	source, arguments := fakeSource(words, filepath.Dir(path))
	arguments = append([]string{"-shared", "-fPIC", "-w", "-Wl,-z,lazy", "-I", here, "-x", "c", "-", "-o", path + ".new", "-x", "none"}, arguments...)
	c := exec.Command(cc, arguments...)
	c.Stdin = strings.NewReader(source)
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Rename(path+".new", path))
}

// fakeSource is a library's source, and what the compiler is told besides.
func fakeSource(words []string, folder string) (source string, arguments []string) {
	kind, v := words[0], 0
	status := "0"
	var own, without []string
	for _, word := range words[1:] {
		key, value, found := strings.Cut(word, "=")
		switch {
		case !found:
			v, _ = strconv.Atoi(word)
		case key == "init":
			status = value
		case key == "with":
			own = append(own, "long "+value+"(void) { return 0; }")
		case key == "without":
			without = append(without, value)
		case key == "needs":
			arguments = append(arguments, filepath.Join(folder, value))
		case key == "soname":
			arguments = append(arguments, "-Wl,-soname,"+value)
		case key == "calls":
			own = append(own, "long "+value+"(void); long calls_"+value+"(void) { return "+value+"(); }")
		}
	}
	bodies := map[string]string{
		"driver": "int cuInit(unsigned f) { return " + status + "; }\n" +
			fmt.Sprintf("int cuDriverGetVersion(int *v) { *v = %d; return 0; }\n", v) +
			"int cuGetErrorString(int r, const char **s) { *s = \"the driver's words\"; return 0; }\n",
		"nvrtc":  fmt.Sprintf("int nvrtcVersion(int *a, int *b) { *a = %d; *b = 4; return 0; }\n", v),
		"cublas": fmt.Sprintf("int cublasGetProperty(int part, int *v) { *v = part ? part : %d; return 0; }\n", v),
		"cudnn":  fmt.Sprintf("size_t cudnnGetVersion(void) { return 91302; }\nsize_t cudnnGetCudartVersion(void) { return %d * 1000; }\n", v),
		"all": "int cuInit(unsigned f) { return 0; }\nint cuDriverGetVersion(int *v) { *v = 13000; return 0; }\n" +
			"int cuGetErrorString(int r, const char **s) { return 1; }\n" +
			"int nvrtcVersion(int *a, int *b) { *a = 13; *b = 0; return 0; }\nsize_t cudnnGetVersion(void) { return 91302; }\n",
	}
	lists := map[string][]string{"driver": {"DRIVER"}, "nvrtc": {"NVRTC"}, "cublas": {"CUBLAS"}, "cudnn": {"CUDNN"}, "all": {"DRIVER", "NVRTC", "CUBLAS", "CUDNN"}}
	hidden := append(without, "cuInit", "cuDriverGetVersion", "cuGetErrorString", "nvrtcVersion", "cudnnGetVersion")
	var b strings.Builder
	b.WriteString("#include \"api.h\"\n#define STUB(result, name, parameters) long name(void) { return 0; }\n")
	for _, f := range hidden {
		fmt.Fprintf(&b, "#define %s hidden_%s\n", f, f)
	}
	for _, list := range lists[kind] {
		fmt.Fprintf(&b, "%s_FUNCTIONS(STUB)\n", list)
	}
	for _, f := range hidden {
		fmt.Fprintf(&b, "#undef %s\n", f)
	}
	return b.String() + bodies[kind] + strings.Join(own, "\n") + "\n", arguments
}
