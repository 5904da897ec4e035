//go:build cgo && linux

package cuda

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Override names the environment variable whose folders, separated as in PATH,
// are searched before all others.
const Override = "TILLER_CUDA"

// Search is what the libraries are looked for by.
type Search struct {
	Env    func(name string) string // the environment
	Root   string                   // the folder that holds usr, opt and run
	Loader bool                     // whether the loader's own path is asked
}

// Host searches this machine.
func Host() Search { return Search{Env: os.Getenv, Root: "/", Loader: true} }

// byLoader is the folder that stands for the loader's own path.
const byLoader = ""

// place is the folders of one installation.
type place struct {
	folders  []string
	override bool
	python   bool // holds no driver
}

// places are the installations in the order of search. Folders that are another
// name of an earlier one are left out, and so are places that are left empty.
func (s Search) places() []place {
	var all []place
	if list := s.Env(Override); list != "" {
		all = append(all, place{folders: absolute(filepath.SplitList(list)), override: true})
	}
	if s.Loader {
		all = append(all, place{folders: []string{byLoader}})
	}
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if folder := s.Env(name); folder != "" {
			all = append(all, toolkit(folder))
		}
	}
	for _, folder := range s.toolkits() {
		all = append(all, toolkit(folder))
	}
	all = append(all, s.system())
	all = append(all, s.python()...)
	return distinct(all)
}

// absolute leaves out folders without a name, and gives the others one that is
// never without a folder, which would be the loader's to find.
func absolute(folders []string) []string {
	var all []string
	for _, folder := range folders {
		if path, err := filepath.Abs(folder); err == nil && folder != "" {
			all = append(all, path)
		}
	}
	return all
}

// triple is the processor's name in Debian's folders, targets its names in
// those of the toolkit.
func triple() (triple string, targets []string) {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu", []string{"sbsa-linux", "aarch64-linux"}
	}
	return "x86_64-linux-gnu", []string{"x86_64-linux"}
}

// toolkit is the place of one installed toolkit.
func toolkit(folder string) place {
	p := place{folders: []string{filepath.Join(folder, "lib64"), filepath.Join(folder, "lib")}}
	_, targets := triple()
	for _, target := range targets {
		p.folders = append(p.folders, filepath.Join(folder, "targets", target, "lib"))
	}
	return p
}

// toolkits are the folders of the installed toolkits: the one that the
// administrator chose, then by version, the newest first.
func (s Search) toolkits() []string {
	usual := []string{filepath.Join(s.Root, "usr/local/cuda"), filepath.Join(s.Root, "opt/cuda")}
	found := slices.DeleteFunc(usual, func(folder string) bool {
		_, err := os.Stat(folder)
		return err != nil
	})
	versions, _ := filepath.Glob(filepath.Join(s.Root, "usr/local/cuda-*")) // the pattern is well formed
	slices.SortFunc(versions, newestFirst)
	return append(found, versions...)
}

// system is the folders of distributions and of the driver's installers.
func (s Search) system() place {
	triple, _ := triple()
	p := place{folders: []string{
		"usr/lib/" + triple, "usr/lib64", "usr/lib",
		"usr/lib/" + triple + "/nvidia/current", "usr/lib/wsl/lib",
		"usr/local/nvidia/lib64", "usr/local/nvidia/lib", "usr/local/lib",
		"run/opengl-driver/lib",
	}}
	for i, folder := range p.folders {
		p.folders[i] = filepath.Join(s.Root, folder)
	}
	return p
}

// distinct removes repeated folders and empty places.
func distinct(all []place) []place {
	seen := make(map[string]bool)
	var kept []place
	for _, p := range all {
		p.folders = slices.DeleteFunc(p.folders, func(folder string) bool {
			if real, err := filepath.EvalSymlinks(folder); err == nil && folder != byLoader {
				folder = real
			}
			again := seen[folder]
			seen[folder] = true
			return again
		})
		if len(p.folders) > 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// newestFirst orders paths by the numbers in them, greater ones first.
func newestFirst(a, b string) int {
	for a != "" && b != "" {
		x, y := lead(a), lead(b)
		a, b = a[len(x):], b[len(y):]
		if x == y {
			continue
		}
		if digit(x[0]) && digit(y[0]) {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			return cmp.Or(cmp.Compare(len(y), len(x)), strings.Compare(y, x))
		}
		return strings.Compare(x, y)
	}
	return cmp.Compare(len(b), len(a))
}

// lead is the number that s begins with, or what comes before the first one.
func lead(s string) string {
	n := 1
	for n < len(s) && digit(s[n]) == digit(s[0]) {
		n++
	}
	return s[:n]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
