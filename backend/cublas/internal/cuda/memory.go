//go:build cgo && linux

package cuda

// #include "device.h"
import "C"

import "unsafe"

// Ptr is an address in a device's memory.
type Ptr uint64

// Alloc takes memory from the driver; it may wait for the device.
func (v *Device) Alloc(bytes int) (Ptr, error) {
	var p C.CUdeviceptr
	err := v.driver.check("cuMemAlloc", C.cuda_alloc(&v.c, &p, C.size_t(bytes)))
	return Ptr(p), err
}

// Free gives memory back to the driver; it waits for the device.
func (v *Device) Free(p Ptr) error {
	return v.driver.check("cuMemFree", C.cuda_free(&v.c, C.CUdeviceptr(p)))
}

// HostAlloc takes memory of the host that the device reads and writes while the
// processor goes on.
func (v *Device) HostAlloc(bytes int) ([]byte, error) {
	var p unsafe.Pointer
	if err := v.driver.check("cuMemHostAlloc", C.cuda_host_alloc(&v.c, &p, C.size_t(bytes))); err != nil {
		return nil, err
	}
	return unsafe.Slice((*byte)(p), bytes), nil
}

// HostFree gives back what HostAlloc returned.
func (v *Device) HostFree(mem []byte) error {
	return v.driver.check("cuMemFreeHost", C.cuda_host_free(&v.c, unsafe.Pointer(unsafe.SliceData(mem))))
}

// ToDevice queues a copy. src is memory of HostAlloc and stays as it is until
// the copy is done.
func (v *Device) ToDevice(dst Ptr, src []byte) error {
	v.note(formToDevice)
	return v.driver.check("cuMemcpyHtoDAsync", C.cuda_to_device(&v.c, C.CUdeviceptr(dst), unsafe.Pointer(unsafe.SliceData(src)), C.size_t(len(src))))
}

// ToHost queues a copy. dst is memory of HostAlloc.
func (v *Device) ToHost(dst []byte, src Ptr) error {
	return v.driver.check("cuMemcpyDtoHAsync", C.cuda_to_host(&v.c, unsafe.Pointer(unsafe.SliceData(dst)), C.CUdeviceptr(src), C.size_t(len(dst))))
}

// Within queues a copy from one place of the device's memory to another.
func (v *Device) Within(dst, src Ptr, bytes int) error {
	v.note(formWithin)
	return v.driver.check("cuMemcpyDtoDAsync", C.cuda_within(&v.c, C.CUdeviceptr(dst), C.CUdeviceptr(src), C.size_t(bytes)))
}

// Set8 queues the filling of n bytes.
func (v *Device) Set8(p Ptr, value byte, n int) error {
	v.note(formSet8)
	return v.driver.check("cuMemsetD8Async", C.cuda_set8(&v.c, C.CUdeviceptr(p), C.uchar(value), C.size_t(n)))
}

// Set32 queues the filling of n words.
func (v *Device) Set32(p Ptr, value uint32, n int) error {
	v.note(formSet32)
	return v.driver.check("cuMemsetD32Async", C.cuda_set32(&v.c, C.CUdeviceptr(p), C.uint(value), C.size_t(n)))
}

// Memory is what the driver has left, and has in all, in bytes.
func (v *Device) Memory() (free, total int, err error) {
	var f, t C.size_t
	err = v.driver.check("cuMemGetInfo", C.cuda_memory(&v.c, &f, &t))
	return int(f), int(t), err
}
