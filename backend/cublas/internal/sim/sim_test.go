//go:build cgo && linux

package sim

import (
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/kernels"
)

// rig is the machine with a device and a loaded file of kernels.
type rig struct {
	*Machine
	dev     *cuda.Device
	driver  *cuda.Driver
	module  cuda.Module
	nothing cuda.Function // a kernel that does that
	memory  cuda.Ptr      // of one float, in some tests
	image   []byte        // of the module
	t       testing.TB
}

var machine *Machine

// newRig opens the device of a fresh machine and loads the tests' kernels.
func newRig(t testing.TB) *rig {
	t.Helper()
	if machine == nil {
		var err error
		machine, err = Open(Source{"faults", sourceOfFaults(t)})
		need(t, err)
	}
	machine.Reset()
	r := &rig{Machine: machine, t: t}
	var err error
	r.driver, err = cuda.Load(machine.Paths())
	require.NoError(t, err)
	r.dev, err = r.driver.Open(0)
	require.NoError(t, err)
	return r
}

func sourceOfFaults(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("testdata/faults.cu")
	require.NoError(t, err)
	return string(text)
}

// load compiles and loads a source.
func (r *rig) load(name, source string) cuda.Module {
	r.t.Helper()
	image, _, err := r.driver.Compile(name, source, cuda.Options("sm_90")...)
	require.NoError(r.t, err)
	m, err := r.dev.Load(image)
	require.NoError(r.t, err)
	r.image = image
	return m
}

// alloc takes device memory and copies x to it.
func (r *rig) alloc(x []float32) cuda.Ptr {
	r.t.Helper()
	p, err := r.dev.Alloc(4 * len(x))
	require.NoError(r.t, err)
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	require.NoError(r.t, r.dev.ToDevice(p, b))
	return p
}

// read waits and copies device memory back.
func (r *rig) read(p cuda.Ptr, n int) []float32 {
	r.t.Helper()
	b := make([]byte, 4*n)
	require.NoError(r.t, r.dev.ToHost(b, p))
	require.NoError(r.t, r.dev.Sync())
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x
}

// faults loads the tests' kernels.
func (r *rig) faults() {
	r.t.Helper()
	r.module = r.load("faults", sourceOfFaults(r.t))
	r.nothing = r.function(r.module, "nothing")
}

// launch queues one of the tests' kernels.
func (r *rig) launch(name string, blocks, threads, shared int, words ...uint64) error {
	r.t.Helper()
	var l cuda.Launch
	l.Reset(r.function(r.module, name), blocks, threads, shared)
	for _, w := range words {
		l.Words(w)
	}
	return r.dev.Launch(&l)
}

func (r *rig) function(m cuda.Module, name string) cuda.Function {
	r.t.Helper()
	f, err := r.dev.Function(m, name, 0)
	require.NoError(r.t, err)
	return f
}

func TestKernelOfTheBackend(t *testing.T) {
	r := newRig(t)
	source, err := kernels.Source("elementwise")
	require.NoError(t, err)
	m := r.load("elementwise", source)
	p := r.alloc(make([]float32, 1000))
	var l cuda.Launch
	require.NoError(t, r.dev.Launch(l.Reset(r.function(m, "fill_f32"), 2, 256, 0).Ptr(p).Int(999).Double(1.5)))
	got := r.read(p, 1000)
	for i, x := range got[:999] {
		require.Equal(t, float32(1.5), x, "element %d", i)
	}
	assert.Zero(t, got[999])
	require.NoError(t, r.dev.Free(p))
	require.NoError(t, r.dev.Unload(m))
	require.NotEmpty(t, r.Leaks(), "the open device is none")
	require.NoError(t, r.dev.Close())
	assert.Empty(t, r.Leaks())
}
