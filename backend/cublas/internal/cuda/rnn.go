//go:build cgo && linux

package cuda

// #include "rnn.h"
import "C"

import (
	"strings"
	"unsafe"
)

// RNNType is an element type, as cuDNN numbers them.
type RNNType int

// The element types of an LSTM. Sums are float32 in each.
const (
	RNNF32  RNNType = 0
	RNNBF16 RNNType = 9
)

// RNNMath is what cuDNN may multiply with.
type RNNMath int

// The ways to multiply: with tensor cores as cuDNN sees fit, which for float32
// rounds factors to ten bits; with tensor cores for narrow types; without them.
const (
	RNNDefault RNNMath = 0
	RNNNarrow  RNNMath = 1
	RNNFull    RNNMath = 3
)

// RNNShape is a one-layer LSTM over a sequence, x (Steps, Batch, In) and states
// (Batch, Hidden).
type RNNShape struct {
	Steps, Batch, In, Hidden int
	Type                     RNNType
	Math                     RNNMath
}

// RNN is what cuDNN keeps for a shape. The caller closes it.
type RNN struct {
	device *Device
	c      C.cuda_rnn

	Weights, Work, Reserve int // bytes of cuDNN's memories
}

// RNNCall are the operands of an RNN's passes. Null are states of zeros and
// gradients that there are not or nobody wants, but for DY and DX. Weights,
// Work and Reserve are as large as RNN tells; Reserve is left alone from the
// forward pass to the last backward one.
type RNNCall struct {
	X, HX, CX, Weights, Work, Reserve Ptr
	Y, HY, CY                         Ptr
	DY, DHY, DCY                      Ptr
	DX, DHX, DCX, DWeights            Ptr
}

// CUDNNVersion is cuDNN's version as 10000*major + 100*minor + patch.
func (v *Device) CUDNNVersion() int {
	if !v.CUDNN() {
		return 0
	}
	return int(C.cuda_rnn_version(&v.c))
}

// OpenRNN asks cuDNN for an LSTM of a shape.
func (v *Device) OpenRNN(s RNNShape) (*RNN, error) {
	r := &RNN{device: v}
	r.c.steps, r.c.batch, r.c.in, r.c.hidden = C.int(s.Steps), C.int(s.Batch), C.int(s.In), C.int(s.Hidden)
	r.c._type = C.int(s.Type)
	var call *C.char
	if status := C.cuda_rnn_open(&v.c, &r.c, C.int(s.Math), &call); status != 0 {
		r.Close()
		return nil, v.dnnError(C.GoString(call), status)
	}
	r.Weights, r.Work, r.Reserve = int(r.c.weights), int(r.c.work), int(r.c.reserve)
	return r, nil
}

// Close destroys what cuDNN keeps.
func (r *RNN) Close() { C.cuda_rnn_close(&r.device.c, &r.c) }

// Places are offsets in the weight space, in bytes, of all gates' matrices and
// biases, one gate after the other.
type Places struct{ WIH, WHH, BIH, BHH int }

// Places asks where the weights lie in a weight space; false where the gates i, f,
// g and o do not follow each other densely.
func (r *RNN) Places(space Ptr) (Places, bool, error) {
	var matrices, biases [8]C.size_t
	for id := range matrices {
		var bad C.int
		if status := C.cuda_rnn_place(&r.device.c, &r.c, C.CUdeviceptr(space), C.int(id), &matrices[id], &biases[id], &bad); status != 0 {
			return Places{}, false, r.device.dnnError("cudnnGetRNNWeightParams", status)
		}
		if bad != 0 {
			return Places{}, false, nil
		}
	}
	size := 4
	if r.c._type != C.int(RNNF32) {
		size = 2
	}
	ok := true
	for id := range 8 {
		first, columns := id/4*4, int(r.c.in)
		if id >= 4 {
			columns = int(r.c.hidden)
		}
		bytes := C.size_t((id - first) * int(r.c.hidden) * size)
		ok = ok && matrices[id] == matrices[first]+bytes*C.size_t(columns) && biases[id] == biases[first]+bytes
	}
	return Places{int(matrices[0]), int(matrices[4]), int(biases[0]), int(biases[4])}, ok, nil
}

// Forward queues a forward pass, which fills Y, HY, CY and Reserve.
func (r *RNN) Forward(c *RNNCall) error {
	call := c.c()
	return r.device.dnnError("cudnnRNNForward", C.cuda_rnn_forward(&r.device.c, &r.c, &call))
}

// BackwardData queues the gradients of X, HX and CX, from Y and what Forward left
// in Reserve.
func (r *RNN) BackwardData(c *RNNCall) error {
	call := c.c()
	return r.device.dnnError("cudnnRNNBackwardData_v8", C.cuda_rnn_backward_data(&r.device.c, &r.c, &call))
}

// BackwardWeights queues the gradients of the weights, which are added to
// DWeights. It comes after BackwardData.
func (r *RNN) BackwardWeights(c *RNNCall) error {
	call := c.c()
	return r.device.dnnError("cudnnRNNBackwardWeights_v8", C.cuda_rnn_backward_weights(&r.device.c, &r.c, &call))
}

// c is the same struct as C sees it: both are addresses alone.
func (c *RNNCall) c() C.cuda_rnn_call { return *(*C.cuda_rnn_call)(unsafe.Pointer(c)) }

// dnnError is cuDNN's status as an error.
func (v *Device) dnnError(call string, status C.cudnnStatus_t) error {
	if status == 0 {
		return nil
	}
	return &Error{Call: call, Code: int(status), Text: C.GoString(C.cuda_dnn_text(&v.c, status))}
}

// Unsupported reports whether err is cuDNN's word that it does not have what was
// asked of it, or does not take it so. It has queued nothing then.
func Unsupported(err error) bool {
	const badParameter, notSupported = 2, 3 // thousands
	e, ok := err.(*Error)
	return ok && (e.Code/1000 == badParameter || e.Code/1000 == notSupported) && strings.HasPrefix(e.Call, "cudnn")
}
