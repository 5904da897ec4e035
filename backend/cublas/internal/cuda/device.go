//go:build cgo && linux

package cuda

// #include "device.h"
// #cgo noescape cuda_alloc
// #cgo nocallback cuda_alloc
// #cgo nocallback cuda_free
// #cgo noescape cuda_launch
// #cgo nocallback cuda_launch
// #cgo noescape cuda_multiply
// #cgo nocallback cuda_multiply
// #cgo noescape cuda_to_host
// #cgo nocallback cuda_to_host
// #cgo noescape cuda_to_device
// #cgo nocallback cuda_to_device
// #cgo nocallback cuda_within
// #cgo nocallback cuda_sync
import "C"

import (
	"strings"
	"unsafe"
)

// Device is one GPU with its stream and the handles of the libraries.
type Device struct {
	c      C.cuda_device
	driver *Driver
	form   uint64 // see Form

	Name         string
	Major, Minor int // compute capability
	SMs          int // streaming multiprocessors
	Shared       int // bytes of shared memory that a block may ask for
	Total        int // bytes of memory
	Cooperative  bool
}

// Attributes of a device.
const (
	attributeSMs         = 16
	attributeMajor       = 75
	attributeMinor       = 76
	attributeCooperative = 95
	attributeShared      = 97
)

// Devices is the number of GPUs.
func (d *Driver) Devices() (int, error) {
	var n C.int
	err := d.check("cuDeviceGetCount", C.cuda_count(d.table, &n))
	return int(n), err
}

// Open starts a GPU: its primary context, a stream, and the handles of cuBLAS
// and, where it was found, cuDNN. The caller closes it.
func (d *Driver) Open(ordinal int) (*Device, error) {
	v := &Device{driver: d}
	v.c.api = d.table
	if err := d.check("cuDeviceGet", C.cuda_device_of(d.table, &v.c.ordinal, C.int(ordinal))); err != nil {
		return nil, err
	}
	if err := v.describe(); err != nil {
		return nil, err
	}
	var call *C.char
	if r := C.cuda_start(&v.c, &call); r != 0 {
		err := v.startError(C.GoString(call), r)
		C.cuda_stop(&v.c)
		return nil, err
	}
	return v, nil
}

func (v *Device) describe() error {
	name := make([]byte, 256)
	var total C.size_t
	if err := v.driver.check("cuDeviceGetName", C.cuda_describe(&v.c, (*C.char)(unsafe.Pointer(&name[0])), C.int(len(name)), &total)); err != nil {
		return err
	}
	v.Name, v.Total = C.GoString((*C.char)(unsafe.Pointer(&name[0]))), int(total)
	var cooperative int
	for attribute, to := range map[C.int]*int{
		attributeSMs: &v.SMs, attributeMajor: &v.Major, attributeMinor: &v.Minor,
		attributeShared: &v.Shared, attributeCooperative: &cooperative,
	} {
		var value C.int
		if err := v.driver.check("cuDeviceGetAttribute", C.cuda_device_attribute(&v.c, &value, attribute)); err != nil {
			return err
		}
		*to = int(value)
	}
	v.Cooperative = cooperative != 0
	return nil
}

// CUDNN tells whether the device has a handle of cuDNN.
func (v *Device) CUDNN() bool { return v.c.dnn != nil }

// Close destroys the stream and the handles and lets go of the context.
func (v *Device) Close() error {
	return v.driver.check("closing the device", C.cuda_stop(&v.c))
}

// Sync waits for all that is queued and returns the device's fault.
func (v *Device) Sync() error { return v.driver.check("cuStreamSynchronize", C.cuda_sync(&v.c)) }

// check is the driver's status as an error.
func (d *Driver) check(call string, r C.CUresult) error {
	if r == 0 {
		return nil
	}
	return &Error{Call: call, Code: int(r), Text: C.GoString(C.cuda_text(d.table, r))}
}

// startError is the status of whichever library's function call is.
func (v *Device) startError(call string, r C.int) error {
	text := C.cuda_text(v.c.api, C.CUresult(r))
	switch {
	case strings.HasPrefix(call, "cublas"):
		text = C.cuda_blas_text(&v.c, r)
	case strings.HasPrefix(call, "cudnn"):
		text = C.cuda_dnn_text(&v.c, r)
	}
	return &Error{Call: call, Code: int(r), Text: C.GoString(text)}
}
