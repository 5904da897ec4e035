//go:build cgo && linux

package sim

// #cgo LDFLAGS: -ldl
// #include "control.h"
// #include <stdlib.h>
//
// static void fail(sim_control *c, int point, unsigned long long n, int code) { c->sim_fail(point, n, code); }
// static unsigned long long calls(sim_control *c, int point) { return c->sim_calls(point); }
// static unsigned long long handles(sim_control *c, int kind) { return c->sim_handles(kind); }
// static void bytes(sim_control *c, unsigned long long *to) { c->sim_bytes(to); }
// static void limit(sim_control *c, unsigned long long bytes) { c->sim_limit(bytes); }
// static void eager(sim_control *c, int on) { c->sim_eager(on); }
// static void reverse(sim_control *c, int on) { c->sim_reverse(on); }
// static void patience(sim_control *c, double seconds) { c->sim_patience(seconds); }
// static void message(sim_control *c, char *to, size_t bytes) { c->sim_message(to, bytes); }
// static void reset(sim_control *c) { c->sim_reset(); }
import "C"

import (
	"fmt"
	"time"
	"unsafe"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
)

// Machine is the simulated machine: there is one in a process, whatever number of
// times it is opened.
type Machine struct {
	path string
	c    *C.sim_control
}

// Open builds the simulator, as Build does, opens it and resets it.
func Open(extra ...Source) (*Machine, error) {
	path, err := Build(extra...)
	if err != nil {
		return nil, err
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var text *C.char
	m := &Machine{path: path, c: C.sim_open(name, &text)}
	if m.c == nil {
		defer C.free(unsafe.Pointer(text))
		return nil, fmt.Errorf("opening the simulator: %s", C.GoString(text))
	}
	m.Reset()
	return m, nil
}

// Paths gives the simulator as all four libraries.
func (m *Machine) Paths() cuda.Paths {
	return cuda.Paths{Driver: m.path, NVRTC: m.path, CUBLAS: m.path, CUDNN: m.path}
}

// Reset frees all that is held, clears the fault and undoes all other calls here.
func (m *Machine) Reset() { C.reset(m.c) }

// Call is a kind of call that can be made to fail.
type Call int

// The kinds of call. Their failures are a CUresult, but those of Product, BLAS,
// LSTM and DNN, which are the library's status, and of Compile, NVRTC's.
const (
	Alloc       Call = iota // cuMemAlloc
	HostAlloc               // cuMemHostAlloc
	Copy                    // cuMemcpy*Async
	Set                     // cuMemset*Async
	Launch                  // cuLaunchKernel, cuLaunchCooperativeKernel
	Fault                   // the running of a kernel: the failure sticks
	Product                 // cublasGemmStridedBatchedEx
	LSTM                    // cudnnRNNForward and its backward passes
	Compile                 // nvrtcCompileProgram
	Module                  // cuModuleLoadData
	Function                // cuModuleGetFunction
	Stream                  // cuStreamCreate
	Sync                    // cuStreamSynchronize, cuEventSynchronize
	Event                   // cuEventCreate
	Capture                 // cuStreamBeginCapture
	Instantiate             // cuGraphInstantiateWithFlags
	GraphLaunch             // cuGraphLaunch
	BLAS                    // cublasCreate
	DNN                     // cudnnCreate
)

// Fail makes the nth call of a kind from now fail with a code: 1 is the next.
// 0 undoes it.
func (m *Machine) Fail(call Call, n, code int) {
	C.fail(m.c, C.int(call), C.ulonglong(n), C.int(code))
}

// Calls is how many calls of a kind there were since Reset, failures included.
func (m *Machine) Calls(call Call) int { return int(C.calls(m.c, C.int(call))) }

// Handle is a kind of object that is destroyed by hand.
type Handle int

// The kinds of handle.
const (
	Contexts Handle = iota
	Streams
	Events
	Modules
	Graphs
	Executables
	Programs // of NVRTC
	BLASHandles
	DNNHandles
	Descriptors // of cuDNN
	handleKinds
)

// Live is how many handles of a kind there are.
func (m *Machine) Live(kind Handle) int { return int(C.handles(m.c, C.int(kind))) }

// Leaks names all that is live, in words: "" where nothing is.
func (m *Machine) Leaks() string {
	names := [...]string{"contexts", "streams", "events", "modules", "graphs", "executables", "programs", "cuBLAS handles", "cuDNN handles", "cuDNN descriptors"}
	var s string
	for kind := range handleKinds {
		if n := m.Live(kind); n > 0 {
			s += fmt.Sprintf("%d %s; ", n, names[kind])
		}
	}
	if b := m.Bytes(); b.Live > 0 || b.Pinned > 0 {
		s += fmt.Sprintf("%d bytes; %d bytes pinned; ", b.Live, b.Pinned)
	}
	return s
}

// Bytes are amounts of memory: what the device holds, the most it has held since
// Reset, and pinned memory.
type Bytes struct {
	Live, Peak, Pinned int
}

// Bytes tells how much memory is held.
func (m *Machine) Bytes() Bytes {
	var b [3]C.ulonglong
	C.bytes(m.c, &b[0])
	return Bytes{int(b[0]), int(b[1]), int(b[2])}
}

// Limit sets how much memory the device has: 2 GiB after Reset.
func (m *Machine) Limit(bytes int) { C.limit(m.c, C.ulonglong(bytes)) }

// Eager makes work run as it is queued. Otherwise it runs when the host waits.
func (m *Machine) Eager(on bool) { C.eager(m.c, flag(on)) }

// Reverse makes blocks, and the threads of a block, run from the last to the
// first. What then differs has a race.
func (m *Machine) Reverse(on bool) { C.reverse(m.c, flag(on)) }

// Patience is how long all the threads of a kernel may sleep before that is a
// deadlock: 20 seconds after Reset.
func (m *Machine) Patience(d time.Duration) { C.patience(m.c, C.double(d.Seconds())) }

// Message is what is known of the last fault: which kernel, block and thread did
// what.
func (m *Machine) Message() string {
	text := make([]byte, 1024)
	C.message(m.c, (*C.char)(unsafe.Pointer(&text[0])), C.size_t(len(text)))
	return C.GoString((*C.char)(unsafe.Pointer(&text[0])))
}

func flag(on bool) C.int {
	if on {
		return 1
	}
	return 0
}
