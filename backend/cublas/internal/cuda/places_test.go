//go:build cgo && linux

package cuda

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// search is a search of a tree; $ in the environment stands for its root.
func search(root string, env map[string]string) Search {
	return Search{
		Env:  func(name string) string { return strings.ReplaceAll(env[name], "$", root) },
		Root: root,
	}
}

func TestPlaces(t *testing.T) {
	triple, targets := triple()
	system := []string{"usr/lib/" + triple, "usr/lib64", "usr/lib", "usr/lib/" + triple + "/nvidia/current", "usr/lib/wsl/lib",
		"usr/local/nvidia/lib64", "usr/local/nvidia/lib", "usr/local/lib", "run/opengl-driver/lib"}
	toolkit := func(folder string) []string {
		all := []string{folder + "/lib64", folder + "/lib"}
		for _, target := range targets {
			all = append(all, folder+"/targets/"+target+"/lib")
		}
		return all
	}
	for _, c := range []struct {
		name  string
		files []string
		links map[string]string
		env   map[string]string
		want  [][]string
	}{
		{name: "nothing", want: [][]string{system}},
		{
			name: "the environment", env: map[string]string{Override: "$/one:$/two", "CUDA_HOME": "$/home", "CUDA_PATH": "$/path"},
			want: [][]string{{"one", "two"}, toolkit("home"), toolkit("path"), system},
		},
		{
			name: "the same toolkit twice", env: map[string]string{"CUDA_HOME": "$/home", "CUDA_PATH": "$/home"},
			want: [][]string{toolkit("home"), system},
		},
		{
			name:  "toolkits by version",
			files: []string{"usr/local/cuda-9.2/lib/x", "usr/local/cuda-12.9/lib/x", "usr/local/cuda-12.10/lib/x", "opt/cuda/lib/x"},
			want: [][]string{toolkit("opt/cuda"), toolkit("usr/local/cuda-12.10"), toolkit("usr/local/cuda-12.9"),
				toolkit("usr/local/cuda-9.2"), system},
		},
		{
			name:  "the chosen toolkit is one of them",
			files: []string{"usr/local/cuda-12.4/lib64/x", "usr/local/cuda-13.0/lib64/x"},
			links: map[string]string{"usr/local/cuda": "cuda-12.4"},
			want: [][]string{toolkit("usr/local/cuda"), toolkit("usr/local/cuda-13.0"),
				toolkit("usr/local/cuda-12.4")[1:], system},
		},
		{
			name:  "a virtual environment",
			files: []string{"v/lib/python3.9/site-packages/nvidia/cublas/lib/x", "v/lib/python3.12/site-packages/nvidia/cu13/lib/x", "v/lib/python3.12/site-packages/nvidia/cudnn/lib/x"},
			env:   map[string]string{"VIRTUAL_ENV": "$/v"},
			want: [][]string{system,
				{"v/lib/python3.12/site-packages/nvidia/cu13/lib", "v/lib/python3.12/site-packages/nvidia/cudnn/lib"},
				{"v/lib/python3.9/site-packages/nvidia/cublas/lib"}},
		},
		{
			name:  "Conda",
			files: []string{"c/conda-meta/x"},
			env:   map[string]string{"CONDA_PREFIX": "$/c"},
			want:  [][]string{system, toolkit("c"), {"c/lib/python3*/site-packages/nvidia/*/lib"}},
		},
		{
			name: "the python on PATH, a link to another's",
			files: []string{"base/bin/python3.11", "base/lib/python3.11/site-packages/nvidia/cublas/lib/x",
				"v/lib/python3.11/site-packages/nvidia/cudnn/lib/x", "empty/python3/x"},
			links: map[string]string{"v/bin/python3": "../../base/bin/python3.11"},
			env:   map[string]string{"PATH": "$/none:$/empty:$/v/bin"},
			want: [][]string{system, {"v/lib/python3.11/site-packages/nvidia/cudnn/lib"},
				{"base/lib/python3.11/site-packages/nvidia/cublas/lib"}},
		},
		{
			name: "Debian's python",
			files: []string{"usr/bin/python3", "usr/lib/python3/dist-packages/nvidia/cublas/lib/x",
				"usr/local/lib/python3.11/dist-packages/nvidia/cudnn/lib/x"},
			env: map[string]string{"PATH": "$/usr/bin"},
			want: [][]string{system, {"usr/local/lib/python3.11/dist-packages/nvidia/cudnn/lib"},
				{"usr/lib/python3/dist-packages/nvidia/cublas/lib"}},
		},
		{
			name:  "pyenv",
			files: []string{"pyenv/shims/python", "pyenv/versions/3.12.1/lib/python3.12/site-packages/nvidia/cublas/lib/x"},
			env:   map[string]string{"PATH": "$/pyenv/shims"},
			want:  [][]string{system, {"pyenv/versions/3.12.1/lib/python3.12/site-packages/nvidia/cublas/lib"}},
		},
		{
			name:  "the user's packages",
			files: []string{"me/.local/lib/python3.10/site-packages/nvidia/cublas/lib/x"},
			env:   map[string]string{"HOME": "$/me"},
			want:  [][]string{system, {"me/.local/lib/python3.10/site-packages/nvidia/cublas/lib"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := make(map[string]string)
			for _, file := range c.files {
				files[file] = ""
			}
			root := tree(t, files)
			for link, target := range c.links {
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, link)), 0o755))
				require.NoError(t, os.Symlink(target, filepath.Join(root, link)))
			}
			var got [][]string
			for _, p := range search(root, c.env).places() {
				var folders []string
				for _, folder := range p.folders {
					folders = append(folders, strings.TrimPrefix(folder, root+"/"))
				}
				got = append(got, folders)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTheLoaderComesAfterTheOverride(t *testing.T) {
	s := search(t.TempDir(), map[string]string{Override: "$/one"})
	s.Loader = true
	places := s.places()
	assert.True(t, places[0].override)
	assert.Equal(t, []string{byLoader}, places[1].folders)
}

func TestOverrideIsMadeAbsolute(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	env := map[string]string{Override: ":.:" + "one:"}
	assert.Equal(t, []string{here, filepath.Join(here, "one")}, search(t.TempDir(), env).places()[0].folders)
}

func TestOnlyPythonsPlacesHoldNoDriver(t *testing.T) {
	s := search(t.TempDir(), map[string]string{Override: "$/one", "VIRTUAL_ENV": "$/v"})
	for _, p := range s.places() {
		inPython := slices.ContainsFunc(p.folders, func(folder string) bool { return strings.Contains(folder, "site-packages") })
		assert.Equal(t, inPython, p.python, "%v", p.folders)
	}
}

func TestNewestFirst(t *testing.T) {
	versions := []string{"cuda-9.2", "cuda-12.10", "cuda-12", "cuda-12.9", "cuda-013.0"}
	slices.SortFunc(versions, newestFirst)
	assert.Equal(t, []string{"cuda-013.0", "cuda-12.10", "cuda-12.9", "cuda-12", "cuda-9.2"}, versions)
}
