//go:build cgo && linux

package cuda

// #include "load.h"
// #include "nvrtc.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"strings"
	"unsafe"
)

// Compiler is NVRTC, opened. It needs neither a driver nor a GPU, and may be
// used by several goroutines.
type Compiler struct {
	table *C.cuda_table // in C's memory, since devices point to it
	NVRTC Library
}

func newCompiler() *Compiler {
	return &Compiler{table: (*C.cuda_table)(C.calloc(1, C.sizeof_cuda_table))}
}

// use makes an open NVRTC, of which the table has the functions, the compiler's.
func (c *Compiler) use(l *library) { c.NVRTC = l.describe(c.table) }

// Options are what kernels are compiled with, for an architecture such as
// "sm_90".
func Options(architecture string) []string {
	return []string{"--gpu-architecture=" + architecture, "--std=c++17"}
}

// Compile compiles CUDA C to a CUBIN. name stands for the source in the log,
// which holds the warnings. The options name a real architecture, as [Options]
// does. Where the source is wrong, the error is an *[Error] that has the log in
// its text.
func (c *Compiler) Compile(name, source string, options ...string) (cubin []byte, log string, err error) {
	text := C.CString(source)
	defer C.free(unsafe.Pointer(text))
	file := C.CString(name)
	defer C.free(unsafe.Pointer(file))
	list := cStrings(options)
	defer freeStrings(list)

	var out C.cuda_compiled
	r := C.cuda_compile(c.table, file, text, C.int(len(options)), unsafe.SliceData(list), &out)
	defer C.free(unsafe.Pointer(out.image))
	defer C.free(unsafe.Pointer(out.log))
	if out.log != nil {
		log = strings.TrimSpace(C.GoString(out.log))
	}
	if r != 0 {
		words := C.GoString(C.cuda_nvrtc_text(c.table, r))
		if log != "" {
			words += "\n" + log
		}
		return nil, log, fmt.Errorf("compiling %s: %w", name, &Error{Call: C.GoString(out.call), Code: int(r), Text: words})
	}
	return C.GoBytes(unsafe.Pointer(out.image), C.int(out.size)), log, nil
}

// cStrings is an array of strings in C's memory.
func cStrings(list []string) []*C.char {
	if len(list) == 0 {
		return nil
	}
	array := (**C.char)(C.malloc(C.size_t(len(list)) * C.size_t(unsafe.Sizeof(uintptr(0)))))
	all := unsafe.Slice(array, len(list))
	for i, s := range list {
		all[i] = C.CString(s)
	}
	return all
}

func freeStrings(list []*C.char) {
	for _, s := range list {
		C.free(unsafe.Pointer(s))
	}
	C.free(unsafe.Pointer(unsafe.SliceData(list)))
}
