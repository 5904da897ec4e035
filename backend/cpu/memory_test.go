package cpu

import (
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func TestStorageIsAlignedAndReused(t *testing.T) {
	b := open(t, 1)
	for _, n := range []int{1, 15, 17, 1000, 12345, 1 << 20} {
		first, err := b.Alloc(tensor.Float32, n)
		require.NoError(t, err)
		at := unsafe.SliceData(first.(*buffer).mem)
		assert.Zero(t, uintptr(unsafe.Pointer(at))%align, "%d elements", n)
		b.Free(first)
		second, err := b.Alloc(tensor.Float32, n)
		require.NoError(t, err)
		assert.Same(t, at, unsafe.SliceData(second.(*buffer).mem), "%d elements", n)
		b.Free(second)
	}
}

func TestClass(t *testing.T) {
	for n := 1; n < 1<<20; n += 1 + n/50 {
		size := class(n)
		assert.GreaterOrEqual(t, size, n)
		assert.Zero(t, size%align)
		assert.LessOrEqual(t, size, n+max(align-1, n/4))
		assert.Equal(t, size, class(size))
	}
}

func TestLiveBytes(t *testing.T) {
	b := open(t, 1)
	assert.Zero(t, b.LiveBytes())
	x := backend.New(b, tensor.Float64, 3, 5)
	y := backend.New(b, tensor.Int32, 0)
	z := backend.New(b, tensor.BFloat16, 7)
	assert.EqualValues(t, 3*5*8+7*2, b.LiveBytes())
	s := scratch[float32](b, 100)
	assert.EqualValues(t, 3*5*8+7*2, b.LiveBytes(), "scratch is not live")
	release(b, s)
	backend.Release(b, x, y, nil, z)
	assert.Zero(t, b.LiveBytes())
}

func TestPoolIsBounded(t *testing.T) {
	b := open(t, 1)
	for i := range 400 { // 400 sizes of about 8 MB would pool 3 GB
		x := backend.New(b, tensor.Float32, 1<<20+i<<14)
		b.Free(x.Buf)
		assert.LessOrEqual(t, b.store.inUse+b.store.pooled, b.store.peak+b.store.peak/4+slack)
	}
	var sum int64
	for size, list := range b.store.free {
		sum += int64(size * len(list))
	}
	assert.Equal(t, sum, b.store.pooled)
	assert.Zero(t, b.store.inUse)
}

func TestMisuseOfBuffersPanics(t *testing.T) {
	b, other := open(t, 1), open(t, 1)
	x := backend.New(b, tensor.Float32, 4)
	for name, f := range map[string]func(){
		"a buffer of another backend": func() { other.Free(x.Buf) },
		"a foreign type":              func() { b.Free(foreign{}) },
		"a kernel on a foreign type":  func() { b.Fill(tensor.New(foreign{}, tensor.Float32, 4), 1) },
		"bytes that do not fill":      func() { _ = b.Write(backend.New(b, tensor.Float32, 4), make([]byte, 15)) },
	} {
		assert.Panics(t, f, name)
	}
	b.Free(x.Buf)
	reused := backend.New(b, tensor.Float32, 4) // x's memory again
	assert.PanicsWithError(t, "Free: the buffer is freed already", func() { b.Free(x.Buf) })
	assert.PanicsWithError(t, "cpu [4]: the buffer is freed already", func() { b.Fill(x, 1) })
	b.Free(reused.Buf)
}

type foreign struct{}

func (foreign) Len() int { return 4 }

func TestAllocErrors(t *testing.T) {
	limit := debug.SetMemoryLimit(1 << 30)
	defer debug.SetMemoryLimit(limit)
	b := open(t, 1)
	_, err := b.Alloc(tensor.Float32, 1<<28+1)
	assert.ErrorContains(t, err, "would exceed the memory limit")
	_, err = b.Alloc(tensor.Float64, 1<<61)
	assert.ErrorContains(t, err, "do not fit in memory")
	_, err = b.Alloc(tensor.Float32, 1<<20)
	assert.NoError(t, err)
	require.NoError(t, b.Close())
	_, err = b.Alloc(tensor.Float32, 1)
	assert.ErrorContains(t, err, "closed")
	_, err = New(backend.Config{Threads: -1})
	assert.Error(t, err)
}
