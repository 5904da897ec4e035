//go:build cgo && linux

package cuda

// #include "device.h"
// #include <stdlib.h>
import "C"

import (
	"math"
	"unsafe"
)

// Module is a loaded CUBIN.
type Module struct{ m C.CUmodule }

// Function is a kernel of a module.
type Function struct{ f C.CUfunction }

// Load loads a CUBIN.
func (v *Device) Load(image []byte) (Module, error) {
	var m Module
	err := v.driver.check("cuModuleLoadData", C.cuda_module(&v.c, &m.m, unsafe.Pointer(unsafe.SliceData(image))))
	return m, err
}

// Unload frees a module.
func (v *Device) Unload(m Module) error {
	return v.driver.check("cuModuleUnload", C.cuda_unload(&v.c, m.m))
}

// Function finds a kernel by its name. shared is the most dynamic shared memory
// that its launches will ask for, in bytes.
func (v *Device) Function(m Module, name string, shared int) (Function, error) {
	c := C.CString(name)
	defer C.free(unsafe.Pointer(c))
	var f Function
	if err := v.driver.check("cuModuleGetFunction "+name, C.cuda_function(&v.c, &f.f, m.m, c)); err != nil {
		return f, err
	}
	const maxDynamicShared, free = 8, 48 << 10
	if shared <= free {
		return f, nil
	}
	return f, v.driver.check("cuFuncSetAttribute "+name, C.cuda_attribute(&v.c, f.f, maxDynamicShared, C.int(shared)))
}

// Occupancy is how many blocks of a kernel fit on the device at a time.
func (v *Device) Occupancy(f Function, threads, shared int) (int, error) {
	var blocks C.int
	err := v.driver.check("cuOccupancyMaxActiveBlocksPerMultiprocessor", C.cuda_occupancy(&v.c, &blocks, f.f, C.int(threads), C.size_t(shared)))
	return int(blocks) * v.SMs, err
}

// Launch is one launch of a kernel: its size and its arguments. Reset makes it
// ready for the next.
type Launch struct {
	k   C.cuda_kernel
	end int // words of arguments
}

// Reset begins a launch of f by so many blocks of so many threads, each block
// with so many bytes of shared memory.
func (l *Launch) Reset(f Function, blocks, threads, shared int) *Launch {
	l.k.function, l.k.shared = f.f, C.uint(shared)
	l.k.grid = [3]C.uint{C.uint(blocks), 1, 1}
	l.k.block = [3]C.uint{C.uint(threads), 1, 1}
	l.k.cooperative, l.k.parameters, l.end = 0, 0, 0
	return l
}

// Grid lays the blocks out in more dimensions.
func (l *Launch) Grid(x, y, z int) *Launch {
	l.k.grid = [3]C.uint{C.uint(x), C.uint(y), C.uint(z)}
	return l
}

// Together makes all blocks run at the same time, so that they may wait for each
// other.
func (l *Launch) Together() *Launch {
	l.k.cooperative = 1
	return l
}

// Ptr is the next argument: a pointer.
func (l *Launch) Ptr(p Ptr) *Launch { return l.Words(uint64(p)) }

// Int is the next argument: a long long.
func (l *Launch) Int(i int) *Launch { return l.Words(uint64(i)) }

// Float is the next argument: a float.
func (l *Launch) Float(x float32) *Launch { return l.Words(uint64(math.Float32bits(x))) }

// Double is the next argument: a double.
func (l *Launch) Double(x float64) *Launch { return l.Words(math.Float64bits(x)) }

// Words is the next argument: an unsigned long long, or a struct of members of
// 8 bytes, by value.
func (l *Launch) Words(words ...uint64) *Launch {
	l.k.offsets[l.k.parameters] = C.uint8_t(l.end)
	for _, w := range words {
		l.k.arguments[l.end] = C.uint64_t(w)
		l.end++
	}
	l.k.parameters++
	return l
}

// Launch queues a kernel.
func (v *Device) Launch(l *Launch) error {
	v.note(uint64(uintptr(unsafe.Pointer(l.k.function))), uint64(l.k.cooperative))
	return v.driver.check("cuLaunchKernel", C.cuda_launch(&v.c, &l.k))
}
