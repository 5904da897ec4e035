//go:build cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// both is a folder's NVRTC and cuBLAS of a version.
func both(folder, major string) map[string]string {
	return map[string]string{
		folder + "/libnvrtc.so." + major:  "nvrtc " + major,
		folder + "/libcublas.so." + major: "cublas " + major,
	}
}

func files(all ...map[string]string) map[string]string {
	union := make(map[string]string)
	for _, some := range all {
		maps.Copy(union, some)
	}
	return union
}

// driverOf is a driver for a version of CUDA, where the system has it.
func driverOf(spec string) map[string]string {
	return map[string]string{"usr/lib64/libcuda.so.1": "driver " + spec}
}

const wheel = "v/lib/python3.11/site-packages/nvidia/"

func TestFind(t *testing.T) {
	override := map[string]string{Override: "$/one:$/two"}
	for _, c := range []struct {
		name  string
		files map[string]string
		env   map[string]string
		want  []string
	}{
		{
			name:  "13 before 12",
			files: files(driverOf("13000"), both("usr/lib64", "12"), both("usr/lib64", "13")),
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4", "usr/lib64/libcublas.so.13 13.1.2"},
		},
		{
			name:  "12 for a driver of 12",
			files: files(driverOf("12090"), both("usr/lib64", "12"), both("usr/lib64", "13")),
			want:  []string{"usr/lib64/libcuda.so.1 12.9", "usr/lib64/libnvrtc.so.12 12.4", "usr/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name:  "12 alone",
			files: files(driverOf("13000"), both("usr/lib64", "12")),
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.12 12.4", "usr/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name:  "the first installation, whatever its version",
			files: files(driverOf("13000"), both("home/lib64", "12"), both("usr/lib64", "13")),
			env:   map[string]string{"CUDA_HOME": "$/home"},
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "home/lib64/libnvrtc.so.12 12.4", "home/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name:  "an installation that has both goes before one that has one",
			files: files(driverOf("13000"), map[string]string{"home/lib64/libnvrtc.so.13": "nvrtc 13"}, both("usr/lib64", "13")),
			env:   map[string]string{"CUDA_HOME": "$/home"},
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4", "usr/lib64/libcublas.so.13 13.1.2"},
		},
		{
			name: "two installations that agree",
			files: files(driverOf("13000"), map[string]string{"home/lib64/libnvrtc.so.13": "nvrtc 13", "home/lib64/libnvrtc.so.12": "nvrtc 12",
				"usr/lib64/libcublas.so.12": "cublas 12"}),
			env:  map[string]string{"CUDA_HOME": "$/home"},
			want: []string{"usr/lib64/libcuda.so.1 13.0", "home/lib64/libnvrtc.so.12 12.4", "usr/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name: "wheels",
			files: files(driverOf("12040"), map[string]string{wheel + "cuda_nvrtc/lib/libnvrtc.so.12": "nvrtc 12",
				wheel + "cublas/lib/libcublas.so.12": "cublas 12", wheel + "cudnn/lib/libcudnn.so.9": "cudnn 12"}),
			env: map[string]string{"VIRTUAL_ENV": "$/v"},
			want: []string{"usr/lib64/libcuda.so.1 12.4", wheel + "cuda_nvrtc/lib/libnvrtc.so.12 12.4",
				wheel + "cublas/lib/libcublas.so.12 12.1.2", wheel + "cudnn/lib/libcudnn.so.9 9.13.2"},
		},
		{
			name: "an override's folders go first",
			files: files(driverOf("13000"), both("usr/lib64", "13"), both("two", "12"),
				map[string]string{"one/libcuda.so.1": "driver 12080", "two/libcudnn.so.9": "cudnn 12", "usr/lib64/libcudnn.so.9": "cudnn 12"}),
			env:  override,
			want: []string{"one/libcuda.so.1 12.8", "two/libnvrtc.so.12 12.4", "two/libcublas.so.12 12.1.2", "two/libcudnn.so.9 9.13.2"},
		},
		{
			name: "what an override lacks is found to fit it",
			files: files(driverOf("13000"), both("usr/lib64", "13"), both("home/lib64", "12"),
				map[string]string{"one/libnvrtc.so.12": "nvrtc 12"}),
			env:  map[string]string{Override: "$/one", "CUDA_HOME": "$/home"},
			want: []string{"usr/lib64/libcuda.so.1 13.0", "one/libnvrtc.so.12 12.4", "home/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name: "an override's cuDNN goes before that of the same installation",
			files: files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"one/libcudnn.so.9": "cudnn 13",
				"usr/lib64/libcudnn.so.9": "cudnn 13"}),
			env: override,
			want: []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4",
				"usr/lib64/libcublas.so.13 13.1.2", "one/libcudnn.so.9 9.13.2"},
		},
		{
			name:  "an override that fits nothing",
			files: files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"one/libcublas.so.12": "cublas 12"}),
			env:   override,
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4", "usr/lib64/libcublas.so.13 13.1.2"},
		},
		{
			name:  "a stub before the driver",
			files: files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"one/libcuda.so.1": "driver 13000 init=34"}),
			env:   override,
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4", "usr/lib64/libcublas.so.13 13.1.2"},
		},
		{
			name:  "a library of another version than its name",
			files: files(driverOf("13000"), both("usr/lib64", "12"), map[string]string{"one/libnvrtc.so.13": "nvrtc 12", "one/libcublas.so.13": "cublas 13"}),
			env:   override,
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.12 12.4", "usr/lib64/libcublas.so.12 12.1.2"},
		},
		{
			name:  "CUDA 13's elapsed time",
			files: files(driverOf("13000 without=cuEventElapsedTime with=cuEventElapsedTime_v2"), both("usr/lib64", "13")),
			want:  []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4", "usr/lib64/libcublas.so.13 13.1.2"},
		},
		{
			name: "parts that the loader would not find",
			files: files(driverOf("13000"), map[string]string{
				"usr/lib64/libnvrtc.so.13":    "nvrtc 13",
				"usr/lib64/libcublas.so.13":   "cublas 13 needs=libcublasLt.so.13 calls=found_in_lt",
				"usr/lib64/libcublasLt.so.13": "part soname=libcublasLt.so.13 with=found_in_lt",
				"usr/lib64/libcudnn.so.9":     "cudnn 13 calls=found_in_a_part",
				"usr/lib64/libcudnn_adv.so.9": "part needs=libcudnn_ops.so.9 calls=found_in_ops with=found_in_a_part",
				"usr/lib64/libcudnn_ops.so.9": "part soname=libcudnn_ops.so.9 with=found_in_ops",
			}),
			want: []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4",
				"usr/lib64/libcublas.so.13 13.1.2", "usr/lib64/libcudnn.so.9 9.13.2"},
		},
		{
			name: "cuDNN of the same installation",
			files: files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"home/lib64/libcudnn.so.9": "cudnn 13",
				"usr/lib64/libcudnn.so.9": "cudnn 13"}),
			env: map[string]string{"CUDA_HOME": "$/home"},
			want: []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4",
				"usr/lib64/libcublas.so.13 13.1.2", "usr/lib64/libcudnn.so.9 9.13.2"},
		},
		{
			name: "cuDNN of the same CUDA",
			files: files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"home/lib64/libcudnn.so.9": "cudnn 13",
				"usr/lib64/libcudnn.so.9": "cudnn 12"}),
			env: map[string]string{"CUDA_HOME": "$/home"},
			want: []string{"usr/lib64/libcuda.so.1 13.0", "usr/lib64/libnvrtc.so.13 13.4",
				"usr/lib64/libcublas.so.13 13.1.2", "home/lib64/libcudnn.so.9 9.13.2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.files)
			d, err := search(root, c.env).Find()
			require.NoError(t, err)
			var got []string
			for _, l := range d.Libraries {
				got = append(got, strings.TrimPrefix(l.Path, root+"/")+" "+l.Version)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	for _, c := range []struct {
		name     string
		files    map[string]string
		env      map[string]string
		problem  string
		found    []string
		attempts []string // some of them, each with the beginning of its reason
	}{
		{
			name:    "nothing",
			problem: "no NVIDIA driver: libcuda.so.1 was not found; no libnvrtc of CUDA 13 or 12 was found; no libcublas of CUDA 13 or 12 was found",
			attempts: []string{"usr/lib64/libcuda.so.1: no such file", "usr/lib/wsl/lib/libcuda.so.1: no such file",
				"usr/lib64/libnvrtc.so.13: no such file", "usr/lib64/libcublas.so.12: no such file"},
		},
		{
			name:    "the toolkit alone",
			files:   both("usr/lib64", "12"),
			problem: "no NVIDIA driver: libcuda.so.1 was not found",
			found:   []string{"usr/lib64/libcublas.so.12", "usr/lib64/libnvrtc.so.12"},
		},
		{
			name:    "no driver is looked for in Python's places",
			files:   files(map[string]string{wheel + "cublas/lib/libcuda.so.1": "driver 12000"}, both("usr/lib64", "12")),
			env:     map[string]string{"VIRTUAL_ENV": "$/v"},
			problem: "no NVIDIA driver: libcuda.so.1 was not found",
		},
		{
			name:     "a driver that is no library",
			files:    files(map[string]string{"usr/lib64/libcuda.so.1": "", "usr/lib/libcuda.so.1": "garbage"}, both("usr/lib64", "12")),
			problem:  "no NVIDIA driver: libcuda.so.1 could not be opened",
			attempts: []string{"usr/lib64/libcuda.so.1: file too short", "usr/lib/libcuda.so.1: "},
		},
		{
			name:     "a driver that lacks a function",
			files:    files(driverOf("12040 without=cuGraphExecUpdate_v2"), both("usr/lib64", "12")),
			problem:  "no NVIDIA driver: libcuda.so.1 could not be opened",
			attempts: []string{"usr/lib64/libcuda.so.1: it has no cuGraphExecUpdate_v2"},
		},
		{
			name:     "no GPU",
			files:    files(driverOf("12040 init=100"), both("usr/lib64", "12")),
			problem:  "no NVIDIA GPU: the driver finds none",
			attempts: []string{"usr/lib64/libcuda.so.1: cuInit: error 100: the driver's words"},
		},
		{
			name:    "no GPU, and a stub",
			files:   files(driverOf("12040 init=34"), map[string]string{"usr/lib/libcuda.so.1": "driver 12040 init=100"}, both("usr/lib64", "12")),
			problem: "no NVIDIA GPU: the driver finds none",
		},
		{
			name:    "a stub",
			files:   files(driverOf("12040 init=34"), both("usr/lib64", "12")),
			problem: "no NVIDIA driver: the libcuda.so.1 that was found is a toolkit's stub",
		},
		{
			name:    "a driver of another version than the kernel's",
			files:   files(driverOf("12040 init=803"), both("usr/lib64", "12")),
			problem: "the NVIDIA driver does not work: libcuda.so.1 and the driver in the kernel are of different versions",
		},
		{
			name:    "another failure",
			files:   files(driverOf("12040 init=999"), both("usr/lib64", "12")),
			problem: "the NVIDIA driver does not start: cuInit returned 999",
		},
		{
			name:     "no cuBLAS",
			files:    files(driverOf("13000"), map[string]string{"usr/lib64/libnvrtc.so.12": "nvrtc 12"}),
			problem:  "no libcublas of CUDA 13 or 12 was found",
			found:    []string{"usr/lib64/libcuda.so.1", "usr/lib64/libnvrtc.so.12"},
			attempts: []string{"usr/lib64/libcublas.so.12: no such file"},
		},
		{
			name: "cuBLAS that lacks a function",
			files: files(driverOf("13000"), map[string]string{"usr/lib64/libnvrtc.so.12": "nvrtc 12",
				"usr/lib64/libcublas.so.12": "cublas 12 without=cublasSetWorkspace_v2"}),
			problem:  "no libcublas: what was found of CUDA 13 or 12 could not be opened",
			attempts: []string{"usr/lib64/libcublas.so.12: it has no cublasSetWorkspace_v2"},
		},
		{
			name: "cuBLAS whose part is broken",
			files: files(driverOf("13000"), both("usr/lib64", "12"),
				map[string]string{"usr/lib64/libcublasLt.so.12": "garbage"}),
			problem:  "no libcublas: what was found of CUDA 13 or 12 could not be opened",
			attempts: []string{"usr/lib64/libcublas.so.12: its part $/usr/lib64/libcublasLt.so.12: "},
		},
		{
			name:     "NVRTC whose part is broken",
			files:    files(driverOf("13000"), both("usr/lib64", "12"), map[string]string{"usr/lib64/libnvrtc-builtins.so.12.4": "garbage"}),
			problem:  "no libnvrtc: what was found of CUDA 13 or 12 could not be opened",
			attempts: []string{"usr/lib64/libnvrtc.so.12: its part $/usr/lib64/libnvrtc-builtins.so.12.4: "},
		},
		{
			name: "two versions",
			files: files(driverOf("13000"), map[string]string{"usr/lib64/libnvrtc.so.13": "nvrtc 13",
				"usr/lib64/libcublas.so.12": "cublas 12"}),
			problem: "libnvrtc and libcublas are not of the same version of CUDA",
			found:   []string{"usr/lib64/libcublas.so.12", "usr/lib64/libcuda.so.1", "usr/lib64/libnvrtc.so.13"},
		},
		{
			name:     "a driver too old for the toolkit",
			files:    files(driverOf("12040"), both("usr/lib64", "13")),
			problem:  "the NVIDIA driver is too old: it is for CUDA 12.4, and the libraries that were found are for a later one",
			attempts: []string{"usr/lib64/libnvrtc.so.13: it is for CUDA 13, the driver for CUDA 12.4"},
		},
		{
			name:    "a driver too old for any",
			files:   files(driverOf("11080"), both("usr/lib64", "12")),
			problem: "the NVIDIA driver is too old: it is for CUDA 11.8, and 12 is needed",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.files)
			_, err := search(root, c.env).Find()
			var e *NotFound
			require.True(t, errors.As(err, &e), "%v", err)
			assert.Equal(t, c.problem, e.Problem)
			if c.found != nil {
				var found []string
				for _, l := range e.Found {
					found = append(found, strings.TrimPrefix(l.Path, root+"/"))
				}
				assert.Equal(t, c.found, found)
			}
			var attempts []string
			for _, a := range e.Attempts {
				attempts = append(attempts, strings.ReplaceAll(strings.TrimPrefix(a.Path, root+"/")+": "+a.Reason, root, "$"))
			}
			for _, want := range c.attempts {
				assert.Condition(t, func() bool { return hasPrefix(attempts, want) }, "%s is not among\n%s", want, strings.Join(attempts, "\n"))
			}
			assertOnce(t, attempts)
		})
	}
}

func hasPrefix(all []string, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func assertOnce(t *testing.T, attempts []string) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range attempts {
		assert.False(t, seen[a], "%s is there twice", a)
		seen[a] = true
	}
}

func TestNotFoundText(t *testing.T) {
	e := &NotFound{
		Problem: "no NVIDIA GPU: the driver finds none",
		Found:   []Library{{Name: libcublas, Path: "/a/libcublas.so.12"}, {Name: libnvrtc, Path: "/a/libnvrtc.so.12", Version: "12.4"}},
		Attempts: []Attempt{
			{libcuda, "libcuda.so.1", noSuchFile},
			{libnvrtc, "/b/libnvrtc.so.13", noSuchFile},
			{libcuda, "/b/libcuda.so.1", "cuInit: error 100: no device"},
			{libnvrtc, "/b/libnvrtc.so.12", noSuchFile},
			{libnvrtc, "/c/libnvrtc.so.12", "invalid ELF header"},
		},
	}
	want := `no NVIDIA GPU: the driver finds none
found:
  libcublas: /a/libcublas.so.12
  libnvrtc 12.4: /a/libnvrtc.so.12
tried for libcuda:
  the loader's path: no libcuda.so.1
  /b/libcuda.so.1: cuInit: error 100: no device
tried for libnvrtc:
  /b: no libnvrtc.so.13 or libnvrtc.so.12
  /c/libnvrtc.so.12: invalid ELF header`
	assert.Equal(t, want, e.Error())
}

// The loader reads its path when a process starts: one of its own, to which this
// variable names the folder, prints what it finds.
const loaderChild = "TILLER_CUDA_TEST_ROOT"

func TestLoadersPath(t *testing.T) {
	if root := os.Getenv(loaderChild); root != "" {
		s := search(root, map[string]string{Override: os.Getenv(Override)})
		s.Loader = true
		_, err := s.Find()
		fmt.Println(err)
		return
	}
	root := tree(t, files(driverOf("13000 init=100"), both("usr/lib64", "12"), map[string]string{
		"usr/lib64/libnvrtc.so.13": "garbage", "usr/lib64/libcublas.so.13": "garbage"}))
	want := `no NVIDIA GPU: the driver finds none
found:
  libcublas 12.1.2: $/usr/lib64/libcublas.so.12
  libnvrtc 12.4: $/usr/lib64/libnvrtc.so.12
tried for libcuda:
  $/usr/lib64/libcuda.so.1: cuInit: error 100: the driver's words
`
	folder := filepath.Join(root, "usr/lib64")
	for name, override := range map[string]string{"alone": "", "and the same by an override": folder} {
		t.Run(name, func(t *testing.T) {
			child := exec.Command(os.Args[0], "-test.run=^TestLoadersPath$")
			child.Env = append(os.Environ(), loaderChild+"="+root, "LD_LIBRARY_PATH="+folder, Override+"="+override)
			out, err := child.CombinedOutput()
			require.NoError(t, err, "%s", out)
			text := strings.ReplaceAll(string(out), root, "$")
			assert.True(t, strings.HasPrefix(text, want), "%s", text)
			assert.Equal(t, 1, strings.Count(text, "cuInit"), "%s", text)
		})
	}
}

func TestAttemptsOfASuccess(t *testing.T) {
	root := tree(t, files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"usr/lib64/libcudnn.so.9": "cudnn 12"}))
	d, err := search(root, nil).Find()
	require.NoError(t, err)
	assert.Len(t, d.Libraries, 3)
	assert.Contains(t, d.Attempts, Attempt{libcudnn, filepath.Join(root, "usr/lib64/libcudnn.so.9"), "it was built for CUDA 12, not 13"})
}

// Of cuDNN's parts, one that cannot be opened is told of; one that lacks a
// function which is not called serves; files of other versions are no parts.
func TestPartsOfCUDNN(t *testing.T) {
	root := tree(t, files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{
		"usr/lib64/libcudnn.so.9": "cudnn 13", "usr/lib64/libcudnn_x.so.9": "",
		"usr/lib64/libcudnn_y.so.9": "part calls=found_nowhere", "usr/lib64/libcudnn_z.so.12": ""}))
	d, err := search(root, nil).Find()
	require.NoError(t, err)
	assert.Len(t, d.Libraries, 4)
	there := slices.DeleteFunc(d.Attempts, func(a Attempt) bool { return a.Reason == noSuchFile })
	assert.Equal(t, []Attempt{{libcudnn, filepath.Join(root, "usr/lib64/libcudnn_x.so.9"), "file too short"}}, there)
}

// One file may stand for all libraries, as the simulator's does.
func TestLinksToOneFile(t *testing.T) {
	root := tree(t, map[string]string{"one/simulator": "all"})
	for _, link := range []string{"libcuda.so.1", "libnvrtc.so.13", "libcublas.so.13", "libcudnn.so.9"} {
		require.NoError(t, os.Symlink("simulator", filepath.Join(root, "one", link)))
	}
	d, err := search(root, map[string]string{Override: "$/one"}).Find()
	require.NoError(t, err)
	one := func(link string) string { return filepath.Join(root, "one", link) }
	assert.Equal(t, []Library{{libcuda, one("libcuda.so.1"), "13.0"}, {libnvrtc, one("libnvrtc.so.13"), "13.0"},
		{libcublas, one("libcublas.so.13"), ""}, {libcudnn, one("libcudnn.so.9"), "9.13.2"}}, d.Libraries)
}

func TestFindCompiler(t *testing.T) {
	root := tree(t, map[string]string{"usr/lib64/libnvrtc.so.12": "nvrtc 12", "two/libnvrtc.so.13": "garbage"})
	c, err := search(root, map[string]string{Override: "$/two"}).FindCompiler()
	require.NoError(t, err)
	assert.Equal(t, Library{Name: libnvrtc, Path: filepath.Join(root, "usr/lib64/libnvrtc.so.12"), Version: "12.4"}, c.NVRTC)

	_, err = search(t.TempDir(), nil).FindCompiler()
	var e *NotFound
	require.True(t, errors.As(err, &e), "%v", err)
	assert.Equal(t, "no libnvrtc of CUDA 13 or 12 was found", e.Problem)
}

func TestLoad(t *testing.T) {
	root := tree(t, files(driverOf("13000"), both("usr/lib64", "13"), map[string]string{"usr/lib64/none": "driver 12000 init=100", "usr/lib64/libcudnn.so.9": "cudnn 13"}))
	at := func(file string) string { return filepath.Join(root, "usr/lib64", file) }
	paths := Paths{Driver: at("libcuda.so.1"), NVRTC: at("libnvrtc.so.13"), CUBLAS: at("libcublas.so.13"), CUDNN: at("libcudnn.so.9")}
	d, err := Load(paths)
	require.NoError(t, err)
	assert.Len(t, d.Libraries, 4)
	assert.Equal(t, at("libnvrtc.so.13"), d.NVRTC.Path)

	paths.CUDNN = ""
	d, err = Load(paths)
	require.NoError(t, err)
	assert.Len(t, d.Libraries, 3)

	paths.Driver = at("none")
	_, err = Load(paths)
	assert.True(t, Is(err, noDevice), "%v", err)

	paths.Driver = at("libnvrtc.so.13")
	_, err = Load(paths)
	assert.ErrorContains(t, err, "it has no cuInit")
}
