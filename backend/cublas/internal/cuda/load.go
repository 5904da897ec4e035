//go:build cgo && linux

package cuda

// #cgo LDFLAGS: -ldl
// #include "load.h"
// #include "device.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"
)

// The libraries' names.
const (
	libcuda   = "libcuda"
	libnvrtc  = "libnvrtc"
	libcublas = "libcublas"
	libcudnn  = "libcudnn"
)

// Paths are the files of the libraries; CUDNN may be empty.
type Paths struct {
	Driver, NVRTC, CUBLAS, CUDNN string
}

// Driver is the libraries, opened. They stay open until the process ends, as
// NVIDIA's do not bear to be closed.
type Driver struct {
	*Compiler
	Libraries []Library // libcuda, libnvrtc, libcublas and, where it was found, libcudnn
	Attempts  []Attempt // what did not serve on the way to them
}

// Library is a library that was found.
type Library struct {
	Name    string // libcuda, libnvrtc, libcublas or libcudnn
	Path    string
	Version string // libcuda's is that of CUDA; empty where the library does not tell
}

// Load opens the libraries at these paths and starts the driver.
func Load(p Paths) (*Driver, error) {
	d := &Driver{Compiler: newCompiler()}
	files := []struct{ name, path string }{{libcuda, p.Driver}, {libnvrtc, p.NVRTC}, {libcublas, p.CUBLAS}, {libcudnn, p.CUDNN}}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		l, err := open(file.name, file.path)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %s: %w", file.name, file.path, err)
		}
		d.take(l)
		if file.name == libcuda {
			if err := d.check("cuInit", C.cuda_init(d.table)); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// take makes an open library one of the driver's.
func (d *Driver) take(l *library) {
	l.fill(d.table)
	if l.name == libnvrtc {
		d.use(l)
	}
	d.Libraries = append(d.Libraries, l.describe(d.table))
}

// library is an open library, with the parts of it that had to be opened first.
type library struct {
	name, path string
	folder     string // that it was found in, and
	major      int    // the version in its name, where it was looked for
	handle     unsafe.Pointer
	parts      []unsafe.Pointer
	lost       []Attempt // parts that could not be opened
}

// open opens a library's file and the parts that lie in the same folder, and
// sees that it has all functions. A path without a folder is the loader's to
// find. Of cuDNN's many parts, some serve no call of ours: it may lack any.
func open(name, path string) (*library, error) {
	l := &library{name: name, path: path}
	for _, part := range partsOf(name, path) {
		handle, err := dlopen(part, name == libcudnn)
		if err == nil {
			l.parts = append(l.parts, handle)
			continue
		}
		if name != libcudnn {
			l.close()
			return nil, fmt.Errorf("its part %w", err)
		}
		l.lost = append(l.lost, Attempt{libcudnn, part, err.Error()})
	}
	handle, err := dlopen(path, false)
	if err != nil {
		l.close()
		return nil, err
	}
	l.handle = handle
	if filepath.Base(path) == path {
		l.path = C.GoString(C.cuda_where(handle))
	}
	var scratch C.cuda_table
	if missing := l.fill(&scratch); missing != "" {
		l.close()
		return nil, fmt.Errorf("it has no %s", missing)
	}
	return l, nil
}

// partsOf are the files to open before a library: it asks for them by name, and
// the loader would find others, or none.
func partsOf(name, path string) []string {
	folder, file := filepath.Split(path)
	if folder == "" {
		return nil
	}
	_, version, _ := strings.Cut(file, ".so.")
	pattern := map[string]string{
		libcuda:   "",
		libnvrtc:  "libnvrtc-builtins.so." + version + "*",
		libcublas: "libcublasLt.so." + version,
		libcudnn:  "libcudnn_*.so." + version,
	}[name]
	if pattern == "" || version == "" {
		return nil
	}
	found, _ := filepath.Glob(filepath.Join(folder, pattern)) // a path that is no pattern finds nothing
	slices.SortStableFunc(found, func(a, b string) int { return dnnOrder(a) - dnnOrder(b) })
	return found
}

// dnnOrder puts the parts of cuDNN that others are linked to first.
func dnnOrder(path string) int {
	first := []string{"libcudnn_graph.", "libcudnn_ops."}
	for i, part := range first {
		if strings.HasPrefix(filepath.Base(path), part) {
			return i
		}
	}
	return len(first)
}

// fill fills the library's part of a table and returns the name of the first
// function that is missing.
func (l *library) fill(t *C.cuda_table) string {
	switch l.name {
	case libcuda:
		return C.GoString(C.cuda_fill_driver(l.handle, t))
	case libnvrtc:
		return C.GoString(C.cuda_fill_nvrtc(l.handle, t))
	case libcublas:
		return C.GoString(C.cuda_fill_cublas(l.handle, t))
	default:
		return C.GoString(C.cuda_fill_cudnn(l.handle, t))
	}
}

// describe is the library with its version. Its part of the table is filled.
func (l *library) describe(t *C.cuda_table) Library {
	d := Library{Name: l.name, Path: l.path}
	switch l.name {
	case libcuda:
		d.Version = version(int(C.cuda_driver_version(t)))
	case libnvrtc:
		d.Version = version(int(C.cuda_nvrtc_version(t)))
	case libcublas:
		var v [3]C.int
		if C.cuda_blas_version(l.handle, &v[0]) == 0 {
			d.Version = fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
		}
	case libcudnn:
		v := int(C.cuda_dnn_version(t))
		d.Version = fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
	}
	return d
}

// version writes 1000*major + 10*minor.
func version(v int) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%d", v/1000, v/10%100)
}

// close closes a library of which no function that starts anything was called.
func (l *library) close() {
	if l.handle != nil {
		C.cuda_close(l.handle)
	}
	for _, part := range slices.Backward(l.parts) {
		C.cuda_close(part)
	}
}

func dlopen(path string, part bool) (unsafe.Pointer, error) {
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	var text *C.char
	library := C.cuda_open(c, flag(part), &text)
	if library == nil {
		defer C.free(unsafe.Pointer(text))
		return nil, errors.New(C.GoString(text))
	}
	return library, nil
}
