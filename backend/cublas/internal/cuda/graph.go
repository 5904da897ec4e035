//go:build cgo && linux

package cuda

// #include "device.h"
import "C"

// Graph is work that was captured instead of queued.
type Graph struct{ g C.CUgraph }

// Executable is a graph that the device can run.
type Executable struct{ x C.CUgraphExec }

// Capture begins to gather what is queued. Until Captured nothing may wait for
// the device, nor take memory from the driver.
func (v *Device) Capture() error {
	v.form = 0
	return v.driver.check("cuStreamBeginCapture", C.cuda_capture(&v.c))
}

// Form is a number for the calls that queued something since Capture, in their
// order: those of kernels tell the kernels, those of products the sizes, none the
// places. Graphs of one number have, as good as always, one form.
func (v *Device) Form() uint64 { return v.form }

// Kinds of call in a form, beside kernels.
const (
	formToDevice = 1 + iota
	formWithin
	formSet8
	formSet32
	formProduct
)

// note adds words to the form.
func (v *Device) note(words ...uint64) {
	for _, w := range words {
		v.form = (v.form ^ w) * 0x9e3779b97f4a7c15
		v.form ^= v.form >> 29
	}
}

// Captured ends Capture.
func (v *Device) Captured() (Graph, error) {
	var g Graph
	err := v.driver.check("cuStreamEndCapture", C.cuda_captured(&v.c, &g.g))
	return g, err
}

// Instantiate makes a graph ready to run.
func (v *Device) Instantiate(g Graph) (Executable, error) {
	var x Executable
	err := v.driver.check("cuGraphInstantiateWithFlags", C.cuda_instantiate(&v.c, &x.x, g.g))
	return x, err
}

// Update gives an executable the arguments of another graph of the same form;
// false where the form differs.
func (v *Device) Update(x Executable, g Graph) bool {
	return C.cuda_update(&v.c, x.x, g.g) == 0
}

// Run queues an executable.
func (v *Device) Run(x Executable) error {
	return v.driver.check("cuGraphLaunch", C.cuda_run(&v.c, x.x))
}

// Drop destroys a graph, FreeExecutable an executable.
func (v *Device) Drop(g Graph) { C.cuda_graph_destroy(&v.c, g.g, nil) }

// FreeExecutable destroys an executable.
func (v *Device) FreeExecutable(x Executable) { C.cuda_graph_destroy(&v.c, nil, x.x) }
