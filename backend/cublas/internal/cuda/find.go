//go:build cgo && linux

package cuda

// #include "load.h"
// #include "device.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"
)

// toolkitMajors are the versions of CUDA that serve, in the order of trial.
var toolkitMajors = []int{13, 12}

// The versions in the other libraries' file names.
const (
	driverMajor = 1
	dnnMajor    = 9
)

// Find looks for the libraries and opens them: the first driver that starts; of
// the first installation that has both NVRTC and cuBLAS of one major version,
// 13 before 12 but never above the driver's, those two; where no installation
// has both, the first of each that agree; and cuDNN, where there is one built
// for the same version. What lies in the folders of [Override] goes first. The
// error is a *[NotFound].
func (s Search) Find() (*Driver, error) {
	f := s.finder()
	d := &Driver{Compiler: newCompiler()}
	problem := f.driver(d)
	nvrtc, cublas := f.toolkit()
	if nvrtc == nil {
		problem = join(problem, f.toolkitProblem())
	}
	if problem != "" {
		C.free(unsafe.Pointer(d.table))
		return nil, f.notFound(problem)
	}
	d.take(nvrtc)
	d.take(cublas)
	if cudnn := f.cudnn(cublas); cudnn != nil {
		d.take(cudnn)
	}
	d.Attempts = f.attempts
	return d, nil
}

// FindCompiler looks for NVRTC alone, which needs no driver. The error is a
// *[NotFound].
func (s Search) FindCompiler() (*Compiler, error) {
	f := s.finder()
	for _, p := range f.places {
		for _, major := range toolkitMajors {
			if l := f.in(p, libnvrtc, major); l != nil {
				c := newCompiler()
				l.fill(c.table)
				c.use(l)
				return c, nil
			}
		}
	}
	return nil, f.notFound(f.lacks(libnvrtc))
}

// finder is one search.
type finder struct {
	places   []place
	opened   map[file]*library // nil where a file does not serve
	limit    int               // the driver's CUDA version, 1000*major + 10*minor, or 0
	statuses []int             // of cuInit
	attempts []Attempt
}

// file is a library by the path that was asked for, or by the file's own.
type file struct{ name, path string }

func (s Search) finder() *finder {
	return &finder{places: s.places(), opened: make(map[file]*library)}
}

// soname is the file name that a library is looked for by.
func soname(name string, major int) string { return fmt.Sprintf("%s.so.%d", name, major) }

// open tries each file once.
func (f *finder) open(name, folder string, major int) *library {
	path := filepath.Join(folder, soname(name, major))
	asked := file{name, path}
	if l, done := f.opened[asked]; done {
		return l
	}
	real := asked
	if folder != byLoader {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			f.opened[asked] = nil
			f.failed(name, path, noSuchFile)
			return nil
		}
		real.path = target
	}
	l, done := f.opened[real]
	if !done {
		l = f.openNew(name, folder, major)
	}
	f.opened[asked], f.opened[real] = l, l
	return l
}

// openNew opens a file that was not tried, or that the loader finds.
func (f *finder) openNew(name, folder string, major int) *library {
	path := filepath.Join(folder, soname(name, major))
	l, err := open(name, path)
	if err != nil {
		f.failed(name, path, err.Error())
		return nil
	}
	for _, part := range l.lost {
		f.failed(name, part.Path, part.Reason)
	}
	l.folder, l.major = folder, major
	if reason := l.unfit(); reason != "" {
		f.failed(name, l.path, reason)
		l.close()
		return nil
	}
	if folder != byLoader {
		return l
	}
	target, err := filepath.EvalSymlinks(l.path)
	if err != nil {
		return l
	}
	if before, done := f.opened[file{name, target}]; done {
		l.close()
		return before
	}
	f.opened[file{name, target}] = l
	return l
}

// unfit tells why a library is not of the version that its file name says.
func (l *library) unfit() string {
	if l.name != libnvrtc && l.name != libcublas {
		return ""
	}
	var scratch C.cuda_table
	l.fill(&scratch)
	v := l.describe(&scratch).Version
	if v == "" || strings.HasPrefix(v, fmt.Sprintf("%d.", l.major)) {
		return ""
	}
	return fmt.Sprintf("its version is %s, not %d", v, l.major)
}

// reject closes a library that was opened but does not serve.
func (f *finder) reject(l *library, reason string) {
	f.failed(l.name, l.path, reason)
	for path, other := range f.opened {
		if other == l {
			f.opened[path] = nil
		}
	}
	l.close()
}

// in looks for a library of a major version in one place.
func (f *finder) in(p place, name string, major int) *library {
	for _, folder := range p.folders {
		if l := f.open(name, folder, major); l != nil {
			return l
		}
	}
	return nil
}

// first looks for a library of a major version in all places.
func (f *finder) first(name string, major int) *library {
	for _, p := range f.places {
		if l := f.in(p, name, major); l != nil {
			return l
		}
	}
	return nil
}

// driver starts the first driver that starts. The result says what is wrong
// where none does. One that does not is closed, since the other libraries would
// get it by its name.
func (f *finder) driver(d *Driver) string {
	for _, p := range f.places {
		if p.python {
			continue
		}
		for _, folder := range p.folders {
			l := f.open(libcuda, folder, driverMajor)
			if l == nil {
				continue
			}
			l.fill(d.table)
			err := d.check("cuInit", C.cuda_init(d.table))
			if err == nil {
				d.take(l)
				f.limit = int(C.cuda_driver_version(d.table))
				return ""
			}
			f.statuses = append(f.statuses, err.(*Error).Code)
			f.reject(l, err.Error())
		}
	}
	return f.driverProblem()
}

// majors are the versions that the driver can serve.
func (f *finder) majors() []int {
	if f.limit == 0 {
		return toolkitMajors
	}
	return slices.DeleteFunc(slices.Clone(toolkitMajors), func(major int) bool { return 1000*major > f.limit })
}

// toolkit chooses NVRTC and cuBLAS of one major version; both are nil where
// there are none.
func (f *finder) toolkit() (nvrtc, cublas *library) {
	majors := f.majors()
	if o := f.override(); o != nil {
		for _, major := range majors {
			if nvrtc, cublas = f.around(o[0], major); nvrtc != nil && cublas != nil {
				return nvrtc, cublas
			}
		}
	}
	for _, p := range f.places {
		for _, major := range majors {
			if nvrtc = f.in(p, libnvrtc, major); nvrtc == nil {
				continue
			}
			if cublas = f.in(p, libcublas, major); cublas != nil {
				return nvrtc, cublas
			}
		}
	}
	for _, major := range majors {
		nvrtc, cublas = f.first(libnvrtc, major), f.first(libcublas, major)
		if nvrtc != nil && cublas != nil {
			return nvrtc, cublas
		}
	}
	return nil, nil
}

// override is the place that [Override] names, if it does.
func (f *finder) override() []place {
	if len(f.places) > 0 && f.places[0].override {
		return f.places[:1]
	}
	return nil
}

// around is what an override has of a major version and, where that is one of
// the two, the other from elsewhere.
func (f *finder) around(override place, major int) (nvrtc, cublas *library) {
	nvrtc, cublas = f.in(override, libnvrtc, major), f.in(override, libcublas, major)
	if nvrtc == nil && cublas != nil {
		nvrtc = f.first(libnvrtc, major)
	}
	if cublas == nil && nvrtc != nil {
		cublas = f.first(libcublas, major)
	}
	return nvrtc, cublas
}

// cudnn looks in the override, then where cuBLAS was found, then everywhere.
func (f *finder) cudnn(cublas *library) *library {
	near := slices.DeleteFunc(slices.Clone(f.places), func(p place) bool { return !slices.Contains(p.folders, cublas.folder) })
	for _, p := range slices.Concat(f.override(), near, f.places) {
		l := f.in(p, libcudnn, dnnMajor)
		if l == nil {
			continue
		}
		built := int(C.cuda_dnn_built_for(l.handle)) / 1000
		if built == 0 || built == cublas.major {
			return l
		}
		f.reject(l, fmt.Sprintf("it was built for CUDA %d, not %d", built, cublas.major))
	}
	return nil
}
