//go:build cgo && linux

package cuda

// #include "load.h"
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Attempt is a file that was looked for and does not serve.
type Attempt struct {
	Library string // libcuda, libnvrtc, libcublas or libcudnn
	Path    string // without a folder, where the loader was asked
	Reason  string
}

// NotFound is the error of a search: what is missing, in plain words, what was
// found, and all that was tried.
type NotFound struct {
	Problem  string
	Found    []Library
	Attempts []Attempt
}

const noSuchFile = "no such file"

// Error has the problem on its first line; then a line for each library that was
// found, and for each that was tried a line for each file that is there and for
// each folder that has none.
func (e *NotFound) Error() string {
	var b strings.Builder
	b.WriteString(e.Problem)
	if len(e.Found) > 0 {
		b.WriteString("\nfound:")
	}
	for _, l := range e.Found {
		fmt.Fprintf(&b, "\n  %s: %s", strings.TrimSpace(l.Name+" "+l.Version), l.Path)
	}
	for _, name := range []string{libcuda, libnvrtc, libcublas, libcudnn} {
		tried := slices.DeleteFunc(slices.Clone(e.Attempts), func(a Attempt) bool { return a.Library != name })
		if len(tried) > 0 {
			fmt.Fprintf(&b, "\ntried for %s:", name)
		}
		for _, line := range lines(tried) {
			b.WriteString("\n  " + line)
		}
	}
	return b.String()
}

// lines are the attempts for one library; files that a folder lacks share one.
func lines(tried []Attempt) []string {
	var all []string
	lacking := make(map[string]int) // the folder's line
	for _, a := range tried {
		folder, file := filepath.Split(a.Path)
		if a.Reason != noSuchFile {
			all = append(all, a.Path+": "+a.Reason)
			continue
		}
		if folder == byLoader {
			folder = "the loader's path"
		}
		folder = strings.TrimSuffix(folder, "/")
		if i, ok := lacking[folder]; ok {
			all[i] += " or " + file
			continue
		}
		lacking[folder] = len(all)
		all = append(all, folder+": no "+file)
	}
	return all
}

// failed notes an attempt. The loader's words begin with the path, and say of a
// file that is not on its own path what is said of others.
func (f *finder) failed(name, path, reason string) {
	reason = strings.TrimPrefix(reason, path+": ")
	if filepath.Base(path) == path && reason == "cannot open shared object file: No such file or directory" {
		reason = noSuchFile
	}
	f.attempts = append(f.attempts, Attempt{Library: name, Path: path, Reason: reason})
}

// notFound is the error of this search.
func (f *finder) notFound(problem string) *NotFound {
	e := &NotFound{Problem: problem, Attempts: f.attempts}
	seen := make(map[*library]bool)
	for _, l := range f.opened {
		if l == nil || seen[l] {
			continue
		}
		seen[l] = true
		var scratch C.cuda_table
		l.fill(&scratch)
		e.Found = append(e.Found, l.describe(&scratch))
	}
	slices.SortFunc(e.Found, func(a, b Library) int { return strings.Compare(a.Name+a.Path, b.Name+b.Path) })
	return e
}

// Statuses of cuInit that have a plain meaning.
const (
	stubLibrary    = 34
	noDevice       = 100
	driverMismatch = 803
)

// driverProblem says why no driver started, by what came nearest to it.
func (f *finder) driverProblem() string {
	for _, status := range []struct {
		code    int
		problem string
	}{
		{noDevice, "no NVIDIA GPU: the driver finds none"},
		{driverMismatch, "the NVIDIA driver does not work: libcuda.so.1 and the driver in the kernel are of different versions"},
		{stubLibrary, "no NVIDIA driver: the libcuda.so.1 that was found is a toolkit's stub"},
	} {
		if slices.Contains(f.statuses, status.code) {
			return status.problem
		}
	}
	if len(f.statuses) > 0 {
		return fmt.Sprintf("the NVIDIA driver does not start: cuInit returned %d", f.statuses[0])
	}
	if f.present(libcuda) {
		return "no NVIDIA driver: libcuda.so.1 could not be opened"
	}
	return "no NVIDIA driver: libcuda.so.1 was not found"
}

// present tells whether a file of a library was there, though it did not serve.
func (f *finder) present(name string) bool {
	return slices.ContainsFunc(f.attempts, func(a Attempt) bool { return a.Library == name && a.Reason != noSuchFile })
}

// toolkitProblem says why there are no NVRTC and cuBLAS that go together.
func (f *finder) toolkitProblem() string {
	if len(f.majors()) == 0 {
		return fmt.Sprintf("the NVIDIA driver is too old: it is for CUDA %s, and 12 is needed", version(f.limit))
	}
	if f.limit > 0 && f.tooNew() {
		return fmt.Sprintf("the NVIDIA driver is too old: it is for CUDA %s, and the libraries that were found are for a later one", version(f.limit))
	}
	nvrtc, cublas := f.has(libnvrtc), f.has(libcublas)
	switch {
	case nvrtc && cublas:
		return "libnvrtc and libcublas are not of the same version of CUDA"
	case nvrtc:
		return f.lacks(libcublas)
	case cublas:
		return f.lacks(libnvrtc)
	default:
		return join(f.lacks(libnvrtc), f.lacks(libcublas))
	}
}

// has tells whether a library was opened, of whatever version.
func (f *finder) has(name string) bool {
	for file, l := range f.opened {
		if file.name == name && l != nil {
			return true
		}
	}
	return false
}

// lacks says that a library of the toolkit is missing.
func (f *finder) lacks(name string) string {
	if f.present(name) {
		return "no " + name + ": what was found of CUDA 13 or 12 could not be opened"
	}
	return "no " + name + " of CUDA 13 or 12 was found"
}

// tooNew notes the libraries that were left out for the driver's sake.
func (f *finder) tooNew() bool {
	found := false
	for _, major := range toolkitMajors[:len(toolkitMajors)-len(f.majors())] {
		for _, p := range f.places {
			for _, folder := range p.folders {
				for _, name := range []string{libnvrtc, libcublas} {
					path := filepath.Join(folder, soname(name, major))
					if _, err := os.Stat(path); err == nil && folder != byLoader {
						found = true
						f.failed(name, path, fmt.Sprintf("it is for CUDA %d, the driver for CUDA %s", major, version(f.limit)))
					}
				}
			}
		}
	}
	return found
}

// join puts two problems into one line.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
