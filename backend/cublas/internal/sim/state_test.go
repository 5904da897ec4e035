//go:build cgo && linux

package sim

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
)

func TestInjectedFailures(t *testing.T) {
	tests := []struct {
		name string
		call Call
		code int
		do   func(r *rig) error
	}{
		{"alloc", Alloc, 2, func(r *rig) error { _, err := r.dev.Alloc(4); return err }},
		{"host alloc", HostAlloc, 2, func(r *rig) error { _, err := r.dev.HostAlloc(4); return err }},
		{"copy", Copy, 1, func(r *rig) error { return r.dev.ToDevice(r.memory, make([]byte, 4)) }},
		{"set", Set, 1, func(r *rig) error { return r.dev.Set8(r.memory, 0, 4) }},
		{"launch", Launch, 701, func(r *rig) error { return r.launch1() }},
		{"product", Product, 13, func(r *rig) error {
			one := cuda.Matrix{At: r.memory, LD: 1}
			return r.dev.Multiply(1, 1, 1, one, one, one, 1, 0, 1, cuda.Compute32)
		}},
		{"compile", Compile, 6, func(r *rig) error {
			_, _, err := r.driver.Compile("faults", sourceOfFaults(r.t), cuda.Options("sm_90")...)
			return err
		}},
		{"module", Module, 209, func(r *rig) error { _, err := r.dev.Load(r.image); return err }},
		{"function", Function, 500, func(r *rig) error { _, err := r.dev.Function(r.module, "nothing", 0); return err }},
		{"sync", Sync, 719, func(r *rig) error { return r.dev.Sync() }},
		{"event", Event, 2, func(r *rig) error { _, err := r.dev.NewEvent(true); return err }},
		{"capture", Capture, 900, func(r *rig) error { return r.dev.Capture() }},
		{"stream", Stream, 2, func(r *rig) error { return r.reopen() }},
		{"cuBLAS", BLAS, 3, func(r *rig) error { return r.reopen() }},
		{"cuDNN", DNN, 1001, func(r *rig) error { return r.reopen() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			r.faults()
			r.memory = r.alloc([]float32{1})
			before := r.Calls(test.call)
			r.Fail(test.call, 2, test.code)
			if test.call != Capture { // one cannot be begun twice
				require.NoError(t, test.do(r), "the first is none")
			} else {
				r.Fail(test.call, 1, test.code)
			}
			err := test.do(r)
			assert.True(t, cuda.Is(err, test.code) || test.call == Compile && err != nil, "%v", err)
			assert.NoError(t, test.do(r), "nor is the third")
			assert.Greater(t, r.Calls(test.call), before+1)
		})
	}
}

// reopen opens a second device and closes it.
func (r *rig) reopen() error {
	dev, err := r.driver.Open(0)
	if err != nil {
		return err
	}
	return dev.Close()
}

func TestInjectedFault(t *testing.T) {
	for _, code := range []int{700, 719} {
		r := newRig(t)
		r.faults()
		r.Fail(Fault, 3, code)
		for range 5 {
			require.NoError(t, r.launch1())
		}
		sticks(t, r, code, "nothing was asked to fail")
	}
}

func TestMemoryLimit(t *testing.T) {
	r := newRig(t)
	r.Limit(1 << 20)
	p, err := r.dev.Alloc(1 << 19)
	require.NoError(t, err)
	_, err = r.dev.Alloc(1<<19 + 1)
	assert.True(t, cuda.Is(err, cuda.OutOfMemory), "%v", err)
	free, total, err := r.dev.Memory()
	require.NoError(t, err)
	assert.Equal(t, []int{1 << 19, 1 << 20}, []int{free, total})
	require.NoError(t, r.dev.Free(p))
	_, err = r.dev.Alloc(1 << 20)
	require.NoError(t, err)
	assert.Equal(t, Bytes{Live: 1 << 20, Peak: 1 << 20}, r.Bytes())
}

func TestLeaks(t *testing.T) {
	r := newRig(t)
	r.faults()
	_, err := r.dev.Alloc(12)
	require.NoError(t, err)
	_, err = r.dev.HostAlloc(5)
	require.NoError(t, err)
	_, err = r.dev.NewEvent(false)
	require.NoError(t, err)
	require.NoError(t, r.dev.Close())
	assert.Equal(t, "1 events; 1 modules; 12 bytes; 5 bytes pinned; ", r.Leaks())
	r.Reset()
	assert.Empty(t, r.Leaks())
}

// Work runs when the host waits, not before.
func TestMissingSync(t *testing.T) {
	r := newRig(t)
	staging, err := r.dev.HostAlloc(4)
	require.NoError(t, err)
	back, err := r.dev.HostAlloc(4)
	require.NoError(t, err)
	p := r.alloc([]float32{0})
	copy(staging, "new!")
	require.NoError(t, r.dev.ToDevice(p, staging))
	require.NoError(t, r.dev.ToHost(back, p))
	assert.NotEqual(t, "new!", string(back), "read before Sync")
	copy(staging, "late")
	require.NoError(t, r.dev.Sync())
	assert.Equal(t, "late", string(back), "staging memory used again too early")
	r.Eager(true)
	copy(staging, "soon")
	require.NoError(t, r.dev.ToDevice(p, staging))
	require.NoError(t, r.dev.ToHost(back, p))
	assert.Equal(t, "soon", string(back))
	r.Eager(false)
	require.NoError(t, r.dev.ToDevice(p, staging))
	assert.True(t, cuda.Is(r.dev.HostFree(staging), 719), "freed while a copy is queued")
}

func TestFreeWaits(t *testing.T) {
	r := newRig(t)
	back, err := r.dev.HostAlloc(4)
	require.NoError(t, err)
	p := r.alloc([]float32{1})
	require.NoError(t, r.dev.Set8(p, 'x', 4))
	require.NoError(t, r.dev.ToHost(back, p))
	require.NoError(t, r.dev.Free(p))
	assert.Equal(t, "xxxx", string(back))
}

func TestCopiesOutOfBounds(t *testing.T) {
	r := newRig(t)
	p := r.alloc([]float32{1})
	assert.True(t, cuda.Is(r.dev.ToDevice(p, make([]byte, 5)), 1))
	assert.True(t, cuda.Is(r.dev.ToHost(make([]byte, 5), p), 1))
	assert.True(t, cuda.Is(r.dev.Within(p, p+1, 4), 1))
	assert.True(t, cuda.Is(r.dev.Set8(p, 0, 5), 1))
	assert.True(t, cuda.Is(r.dev.Set32(p+2, 0, 0), 1), "misaligned")
}

func TestEvents(t *testing.T) {
	r := newRig(t)
	back, err := r.dev.HostAlloc(4)
	require.NoError(t, err)
	p := r.alloc([]float32{1})
	from, err := r.dev.NewEvent(true)
	require.NoError(t, err)
	to, err := r.dev.NewEvent(true)
	require.NoError(t, err)
	require.NoError(t, r.dev.Record(from))
	require.NoError(t, r.dev.Set8(p, 'x', 4))
	require.NoError(t, r.dev.ToHost(back, p))
	require.NoError(t, r.dev.Record(to))
	require.NoError(t, r.dev.Set8(p, 'y', 4))
	require.NoError(t, r.dev.ToHost(back, p))
	_, err = r.dev.Elapsed(from, to)
	assert.True(t, cuda.Is(err, 600), "%v", err)
	require.NoError(t, r.dev.Wait(to))
	assert.Equal(t, "xxxx", string(back), "what follows the event has not run")
	ms, err := r.dev.Elapsed(from, to)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, ms, 0.0)
	require.NoError(t, r.dev.FreeEvent(from))
	require.NoError(t, r.dev.FreeEvent(to))
	assert.Zero(t, r.Live(Events))
}

// step queues what the captures of TestGraphs hold: x = 3, x += y.
func (r *rig) step(t *testing.T, x, y cuda.Ptr, count int) {
	t.Helper()
	require.NoError(t, r.dev.Set32(x, 0x40400000, 1))
	for range count {
		require.NoError(t, r.launch("add", 1, 1, 0, uint64(x), uint64(y), 1))
	}
}

func (r *rig) captured(t *testing.T, x, y cuda.Ptr, count int) cuda.Graph {
	t.Helper()
	require.NoError(t, r.dev.Capture())
	r.step(t, x, y, count)
	g, err := r.dev.Captured()
	require.NoError(t, err)
	return g
}

func TestGraphs(t *testing.T) {
	r := newRig(t)
	r.faults()
	x, y, z := r.alloc([]float32{1}), r.alloc([]float32{10}), r.alloc([]float32{100})
	g := r.captured(t, x, y, 2)
	assert.Equal(t, float32(1), r.read(x, 1)[0], "capturing runs nothing")
	exec, err := r.dev.Instantiate(g)
	require.NoError(t, err)
	require.NoError(t, r.dev.Run(exec))
	require.NoError(t, r.dev.Run(exec))
	assert.Equal(t, float32(23), r.read(x, 1)[0])
	require.NoError(t, r.dev.Run(exec)) // queued before the update: as it was
	other := r.captured(t, x, z, 2)
	require.True(t, r.dev.Update(exec, other))
	assert.Equal(t, float32(23), r.read(x, 1)[0])
	require.NoError(t, r.dev.Run(exec))
	assert.Equal(t, float32(203), r.read(x, 1)[0])
	longer := r.captured(t, x, z, 3)
	assert.False(t, r.dev.Update(exec, longer), "another topology")
	assert.Equal(t, 3, r.Live(Graphs))
	for _, g := range []cuda.Graph{g, other, longer} {
		r.dev.Drop(g)
	}
	require.NoError(t, r.dev.Free(y))
	r.dev.FreeExecutable(exec)
	assert.Zero(t, r.Live(Graphs)+r.Live(Executables))
}

func TestGraphOfAnUnloadedModule(t *testing.T) {
	r := newRig(t)
	r.faults()
	x := r.alloc([]float32{1})
	exec, err := r.dev.Instantiate(r.captured(t, x, x, 1))
	require.NoError(t, err)
	require.NoError(t, r.dev.Unload(r.module))
	require.NoError(t, r.dev.Run(exec))
	assert.True(t, cuda.Is(r.dev.Sync(), 719))
	assert.Contains(t, r.Message(), "unloaded")
}

func TestForbiddenInCapture(t *testing.T) {
	tests := map[string]func(r *rig) error{
		"sync":          func(r *rig) error { return r.dev.Sync() },
		"alloc":         func(r *rig) error { _, err := r.dev.Alloc(4); return err },
		"free":          func(r *rig) error { return r.dev.Free(r.memory) },
		"host alloc":    func(r *rig) error { _, err := r.dev.HostAlloc(4); return err },
		"pageable copy": func(r *rig) error { return r.dev.ToDevice(r.memory, make([]byte, 4)) },
		"module":        func(r *rig) error { _, err := r.dev.Load(r.image); return err },
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.faults()
			r.memory = r.alloc([]float32{1})
			require.NoError(t, r.dev.Capture())
			err := do(r)
			assert.True(t, cuda.Is(err, 900), "%v", err)
			assert.True(t, cuda.Is(r.launch1(), 901), "what follows")
			_, err = r.dev.Captured()
			assert.True(t, cuda.Is(err, 901), "%v", err)
			assert.NoError(t, r.launch1(), "the stream is usable again")
			assert.NoError(t, r.dev.Sync())
		})
	}
}

func BenchmarkLaunchTotals(b *testing.B) {
	r := newRig(b)
	r.faults()
	const rows, columns = 64, 1024
	x, sum, wide := r.alloc(random(rows*columns)), r.alloc(make([]float32, rows)), r.alloc(make([]float32, 2*rows))
	for b.Loop() {
		require.NoError(b, r.launch("totals", rows, 256, 0, uint64(sum), uint64(wide), uint64(x), columns))
		require.NoError(b, r.dev.Sync())
	}
}

func BenchmarkAddMillion(b *testing.B) {
	r := newRig(b)
	r.faults()
	x := r.alloc(make([]float32, 1<<20))
	b.SetBytes(4 << 20)
	for b.Loop() {
		require.NoError(b, r.launch("add", 64, 256, 0, uint64(x), uint64(x), 1<<20))
		require.NoError(b, r.dev.Sync())
	}
}

func BenchmarkMultiply(b *testing.B) {
	r := newRig(b)
	const size = 512
	x := r.alloc(make([]float32, size*size))
	y := r.alloc(make([]float32, size*size))
	at := func(p cuda.Ptr) cuda.Matrix { return cuda.Matrix{At: p, LD: size} }
	for b.Loop() {
		require.NoError(b, r.dev.Multiply(size, size, size, at(x), at(x), at(y), 1, 0, 1, cuda.Compute32))
		require.NoError(b, r.dev.Sync())
	}
	b.ReportMetric(2*size*size*size*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gflop/s")
}
