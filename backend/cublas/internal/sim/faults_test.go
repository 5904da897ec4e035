//go:build cgo && linux

package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/kernels"
)

// sticks sees that a fault of that code is what every call returns, and that a
// device opened afterwards is sound.
func sticks(t *testing.T, r *rig, code int, message string) {
	t.Helper()
	err := r.dev.Sync()
	require.Error(t, err)
	assert.True(t, cuda.Is(err, code), "%v", err)
	assert.Contains(t, r.Message(), message)
	assert.ErrorContains(t, err, message, "the driver's text has it too")
	_, err = r.dev.Alloc(4)
	assert.True(t, cuda.Is(err, code), "later calls: %v", err)
	assert.True(t, cuda.Is(r.launch1(), code), "later launches")
	_ = r.dev.Close() // the fault again
	assert.Empty(t, r.Leaks())
	again, err := r.driver.Open(0)
	require.NoError(t, err)
	assert.NoError(t, again.Sync())
	require.NoError(t, again.Close())
}

// launch1 launches a kernel that was found before the fault.
func (r *rig) launch1() error {
	var l cuda.Launch
	return r.dev.Launch(l.Reset(r.nothing, 1, 1, 0))
}

const n = 1000 // floats of the tables' arrays

func TestKernelFaults(t *testing.T) {
	tests := []struct {
		kernel          string
		threads, shared int
		argument        int64
		code            int
		message         string
	}{
		{"write_at", 1, 0, n, 700, "write to"},
		{"write_at", 1, 0, n + 5000, 700, "at byte 24000 of a block of 4000"},
		{"write_at", 1, 0, -20000, 700, "illegal"},
		{"write_at", 1, 0, 1 << 40, 700, "in no block"},
		{"read_at", 1, 0, n, 700, "illegal"},
		{"read_four_at", 1, 0, 1, 716, "misaligned"},
		{"divide", 1, 0, 0, 719, "zero"},
		{"trap", 1, 0, 0, 719, "trap"},
		{"overflow", 1, 0, 0, 719, "the stack is full"},
		{"barrier_of_some", 64, 0, 0, 719, "thread 0 has ended"},
		{"barrier_against_warp", 64, 0, 0, 719, "__syncthreads"},
		{"shuffles_of_two_kinds", 32, 0, 0, 719, "thread 16 is in __shfl_down_sync"},
		{"shuffle_without_itself", 32, 0, 0, 719, "lacks the thread itself"},
		{"shuffle_with_an_ended_thread", 32, 0, 0, 719, "thread 3 has ended"},
		{"sleep_for_ever", 32, 0, 0, 719, "none but sleeping threads can run"},
		{"shared_at", 1, 0, 40, 700, "write to"},
		{"dynamic_at", 1, 400, 100, 700, "illegal"},
		{"dynamic_at", 1, 0, 0, 700, "illegal"},
		{"too_much_shared", 1, 0, 0, 719, "49156 bytes of static"},
	}
	for _, test := range tests {
		t.Run(test.kernel, func(t *testing.T) {
			r := newRig(t)
			r.faults()
			r.Patience(50 * time.Millisecond)
			p, q := r.alloc(make([]float32, n)), r.alloc(make([]float32, n))
			arguments := []uint64{uint64(p), uint64(test.argument)}
			if test.kernel == "read_at" {
				arguments = []uint64{uint64(p), uint64(q), uint64(test.argument)}
			}
			require.NoError(t, r.launch(test.kernel, 1, test.threads, test.shared, arguments...), "the launch is only queued")
			sticks(t, r, test.code, test.message)
		})
	}
}

func TestKernelsInBounds(t *testing.T) {
	r := newRig(t)
	r.faults()
	p, q := r.alloc(make([]float32, n)), r.alloc(make([]float32, n))
	require.NoError(t, r.launch("write_at", 1, 1, 0, uint64(p), n-1))
	require.NoError(t, r.launch("read_at", 1, 1, 0, uint64(q), uint64(p), n-1))
	require.NoError(t, r.launch("read_four_at", 1, 1, 0, uint64(p), 4))
	require.NoError(t, r.launch("dynamic_at", 1, 1, 400, uint64(p), 99))
	require.NoError(t, r.launch("bounded", 1, 64, 0))
	require.NoError(t, r.dev.Sync())
	assert.Equal(t, float32(1), r.read(q, 1)[0])
	assert.NotEqual(t, r.read(p, 1)[0], r.read(p, 1)[0], "shared memory is NaN before it is written")
}

func TestFreedMemory(t *testing.T) {
	r := newRig(t)
	r.faults()
	p := r.alloc(make([]float32, n))
	require.NoError(t, r.dev.Free(p))
	assert.Error(t, r.dev.Free(p), "twice")
	require.NoError(t, r.launch("write_at", 1, 1, 0, uint64(p), 0))
	sticks(t, r, 700, "in a freed block of 4000 bytes")
}

func TestWriteJustOutside(t *testing.T) {
	for _, at := range []int64{-1, 9} { // within the pages of a block of 9 floats
		r := newRig(t)
		r.faults()
		p := r.alloc(make([]float32, 9))
		require.NoError(t, r.launch("write_at", 1, 1, 0, uint64(p), uint64(at)))
		require.NoError(t, r.dev.Sync())
		assert.True(t, cuda.Is(r.dev.Free(p), 700))
		assert.Contains(t, r.Message(), "just outside")
	}
}

func TestNewMemoryIsPoisoned(t *testing.T) {
	r := newRig(t)
	p, err := r.dev.Alloc(4 * n)
	require.NoError(t, err)
	for i, x := range r.read(p, n) {
		require.NotEqual(t, x, x, "element %d is NaN", i)
	}
}

func TestRefusedLaunches(t *testing.T) {
	tests := []struct {
		name            string
		kernel          string
		grid            [3]int
		threads, shared int
		together        bool
		code            int
	}{
		{"threads", "nothing", [3]int{1, 1, 1}, 1025, 0, false, 1},
		{"no threads", "nothing", [3]int{1, 1, 1}, 0, 0, false, 1},
		{"no blocks", "nothing", [3]int{0, 1, 1}, 32, 0, false, 1},
		{"blocks along y", "nothing", [3]int{1, 65536, 1}, 32, 0, false, 1},
		{"blocks along z", "nothing", [3]int{1, 1, 65536}, 32, 0, false, 1},
		{"bounds", "bounded", [3]int{1, 1, 1}, 65, 0, false, 1},
		{"shared", "nothing", [3]int{1, 1, 1}, 32, 48<<10 + 1, false, 1},
		{"together", "nothing", [3]int{9, 1, 1}, 1024, 0, true, 720},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.faults()
			var l cuda.Launch
			l.Reset(r.function(r.module, test.kernel), 1, test.threads, test.shared).Grid(test.grid[0], test.grid[1], test.grid[2])
			if test.together {
				l.Together()
			}
			err := r.dev.Launch(&l)
			assert.True(t, cuda.Is(err, test.code), "%v", err)
			assert.NoError(t, r.dev.Sync(), "it does not stick")
		})
	}
}

func TestSharedMemoryAskedFor(t *testing.T) {
	r := newRig(t)
	r.faults()
	p := r.alloc(make([]float32, 1))
	f, err := r.dev.Function(r.module, "dynamic_at", 227<<10)
	require.NoError(t, err)
	var l cuda.Launch
	require.NoError(t, r.dev.Launch(l.Reset(f, 1, 1, 227<<10).Ptr(p).Int(227<<8-1)))
	require.NoError(t, r.dev.Sync())
	_, err = r.dev.Function(r.module, "dynamic_at", 227<<10+1)
	assert.True(t, cuda.Is(err, 1), "%v", err)
}

func TestSources(t *testing.T) {
	r := newRig(t)
	_, _, err := r.driver.Compile("other", `extern "C" __global__ void other() {}`, cuda.Options("sm_90")...)
	assert.ErrorContains(t, err, "none of the sources")
	r.faults()
	_, err = r.dev.Function(r.module, "fill_f32", 0)
	assert.True(t, cuda.Is(err, 500), "a kernel of another file: %v", err)
	_, err = r.dev.Load(make([]byte, 200))
	assert.True(t, cuda.Is(err, 200), "%v", err)
	source := sourceOfFaults(t)
	_, _, err = r.driver.Compile("faults", source, "--gpu-architecture=sm_900")
	assert.True(t, strings.Contains(err.Error(), "sm_900"), "%v", err)
	_, _, err = r.driver.Compile("faults", source, "--gpu-architecture=sm_90", "--unheard-of")
	assert.Error(t, err)
	image, _, err := r.driver.Compile("faults", source, cuda.Options("sm_80")...)
	require.NoError(t, err)
	_, err = r.dev.Load(image)
	assert.True(t, cuda.Is(err, 209), "%v", err)
}

func TestSourceThatDoesNotCompile(t *testing.T) {
	source := "extern \"C\" __global__ void broken() {\n\tthere is no such thing;\n}\n"
	path, err := Build(Source{"broken", source})
	need(t, err)
	d, err := cuda.Load(cuda.Paths{NVRTC: path})
	require.NoError(t, err)
	_, _, err = d.Compile("broken", source, cuda.Options("sm_90")...)
	assert.ErrorContains(t, err, "broken.cu:2")
}

// A fault of Go's own is Go's to handle, before and after one of a kernel.
func TestFaultsOfGo(t *testing.T) {
	r := newRig(t)
	r.faults()
	require.NoError(t, r.launch1())
	require.NoError(t, r.dev.Sync())
	var nowhere *[1 << 10]int
	assert.Panics(t, func() { nowhere[5]++ })
	require.NoError(t, r.launch("write_at", 1, 1, 0, 0, 0))
	require.Error(t, r.dev.Sync())
	assert.Panics(t, func() { nowhere[5]++ })
}

func TestKernelFilesCompile(t *testing.T) {
	r := newRig(t)
	for _, name := range kernels.Names() {
		source, err := kernels.Source(name)
		require.NoError(t, err)
		_, _, err = r.driver.Compile(name, source, cuda.Options("sm_90")...)
		assert.NoError(t, err)
	}
}
