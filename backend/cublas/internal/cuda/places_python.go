//go:build cgo && linux

package cuda

import (
	"os"
	"path/filepath"
	"slices"
)

// python are the places in Python's environments: NVIDIA's wheels put their
// libraries in nvidia/*/lib of the packages' folder, Conda's packages in the
// environment's lib.
func (s Search) python() []place {
	var all []place
	for _, prefix := range s.prefixes() {
		if _, err := os.Stat(filepath.Join(prefix, "conda-meta")); err == nil {
			conda := toolkit(prefix)
			conda.python = true
			all = append(all, conda)
		}
		all = append(all, wheels(prefix)...)
	}
	return all
}

// prefixes are the folders of the environments: those that are active, those of
// the python on PATH, and the user's own. Python is not run.
func (s Search) prefixes() []string {
	var all []string
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if folder := s.Env(name); folder != "" {
			all = append(all, folder)
		}
	}
	for _, name := range []string{"python3", "python"} {
		if python := s.executable(name); python != "" {
			all = append(all, prefixesOf(python)...)
		}
	}
	if home := s.Env("HOME"); home != "" {
		all = append(all, filepath.Join(home, ".local"))
	}
	return all
}

// executable finds a program on PATH.
func (s Search) executable(name string) string {
	for _, folder := range filepath.SplitList(s.Env("PATH")) {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// prefixesOf are the environments that an interpreter may belong to: a virtual
// one holds a link to another's interpreter, and pyenv's shims stand for all of
// its versions.
func prefixesOf(python string) []string {
	bin := filepath.Dir(python)
	if filepath.Base(bin) == "shims" {
		return []string{filepath.Join(filepath.Dir(bin), "versions", "*")}
	}
	prefixes := []string{filepath.Dir(bin)}
	if real, err := filepath.EvalSymlinks(python); err == nil {
		prefixes = append(prefixes, filepath.Dir(filepath.Dir(real)))
	}
	return prefixes
}

// wheels are the places of one environment, one for each folder of packages; the
// newest Python's first. Where there is none, the place is the pattern itself,
// so that a report tells of it.
func wheels(prefix string) []place {
	var folders []string
	for _, packages := range []string{
		"lib/python3*/site-packages", "lib64/python3*/site-packages",
		"lib/python3*/dist-packages", "local/lib/python3*/dist-packages",
	} {
		found, _ := filepath.Glob(filepath.Join(prefix, packages, "nvidia/*/lib")) // a path that is no pattern finds nothing
		folders = append(folders, found...)
	}
	if folders == nil {
		return []place{{folders: []string{filepath.Join(prefix, "lib/python3*/site-packages/nvidia/*/lib")}, python: true}}
	}
	slices.SortStableFunc(folders, func(a, b string) int { return newestFirst(versionOf(a), versionOf(b)) })
	var all []place
	for i, folder := range folders {
		if i == 0 || packagesOf(folder) != packagesOf(folders[i-1]) {
			all = append(all, place{python: true})
		}
		last := &all[len(all)-1]
		last.folders = append(last.folders, folder)
	}
	return all
}

// packagesOf is the packages' folder that holds a wheel's folder nvidia/*/lib.
func packagesOf(folder string) string {
	return filepath.Dir(filepath.Dir(filepath.Dir(folder)))
}

// versionOf is the folder of that Python.
func versionOf(folder string) string { return filepath.Base(filepath.Dir(packagesOf(folder))) }
