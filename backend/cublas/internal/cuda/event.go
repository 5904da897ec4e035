//go:build cgo && linux

package cuda

// #include "device.h"
import "C"

// Event is a mark in a device's stream.
type Event struct{ e C.CUevent }

// NewEvent makes an event; timed ones can be told apart by Elapsed.
func (v *Device) NewEvent(timed bool) (Event, error) {
	const disableTiming = 2
	flags := C.uint(disableTiming)
	if timed {
		flags = 0
	}
	var e Event
	err := v.driver.check("cuEventCreate", C.cuda_event(&v.c, &e.e, flags))
	return e, err
}

// FreeEvent destroys an event.
func (v *Device) FreeEvent(e Event) error {
	return v.driver.check("cuEventDestroy", C.cuda_event_destroy(&v.c, e.e))
}

// Record queues the event.
func (v *Device) Record(e Event) error {
	return v.driver.check("cuEventRecord", C.cuda_record(&v.c, e.e))
}

// Wait waits until the device has come to the event.
func (v *Device) Wait(e Event) error {
	return v.driver.check("cuEventSynchronize", C.cuda_wait(&v.c, e.e))
}

// Elapsed is the device's time between two timed events, in milliseconds.
func (v *Device) Elapsed(from, to Event) (float64, error) {
	var ms C.float
	err := v.driver.check("cuEventElapsedTime", C.cuda_elapsed(&v.c, &ms, from.e, to.e))
	return float64(ms), err
}
