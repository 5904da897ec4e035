package backend_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

func open(t *testing.T) *cpu.Backend {
	t.Helper()
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestDataReturnsWhatFromSliceStored(t *testing.T) {
	b := open(t)
	roundTrip(t, b, []float32{1, -2, 3, 4.5, 5, 6})
	roundTrip(t, b, []float64{1, -2, 3, 4.5, 5, 1e300})
	roundTrip(t, b, []int32{1, -2, 3, 4, 5, -1 << 31})
	assert.Zero(t, b.LiveBytes())
}

func roundTrip[T tensor.Elem](t *testing.T, b backend.Backend, data []T) {
	t.Helper()
	x := backend.FromSlice(b, data, 2, 3)
	assert.Equal(t, tensor.DTypeOf[T](), x.DType)
	got, err := backend.Data[T](b, x)
	require.NoError(t, err)
	assert.Equal(t, data, got)
	got, err = backend.Data[T](b, x.Transpose())
	require.NoError(t, err)
	assert.Equal(t, []T{data[0], data[3], data[1], data[4], data[2], data[5]}, got)
	backend.Release(b, x)
}

func TestCloneIsDenseAndSeparate(t *testing.T) {
	b := open(t)
	x := backend.FromSlice(b, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	c := backend.Clone(b, x.Transpose())
	b.Fill(x, 0)
	assert.True(t, c.Contiguous())
	assert.Equal(t, []int{3, 2}, c.Shape)
	got, err := backend.Data[float32](b, c)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 4, 2, 5, 3, 6}, got)
	backend.Release(b, x, nil, c)
	assert.Zero(t, b.LiveBytes())
}

func TestZeros(t *testing.T) {
	b := open(t)
	dirty := backend.New(b, tensor.Float64, 2, 2)
	b.Fill(dirty, 9)
	backend.Release(b, dirty)
	x := backend.Zeros(b, tensor.Float64, 2, 2)
	got, err := backend.Data[float64](b, x)
	require.NoError(t, err)
	assert.Equal(t, make([]float64, 4), got)
	backend.Release(b, x)
}

// full has no memory left and a broken bus.
type full struct{ backend.Backend }

var (
	errMemory = errors.New("out of memory")
	errBus    = errors.New("bus error")
)

func (full) Alloc(_ tensor.DType, n int) (tensor.Buffer, error) {
	if n > 4 {
		return nil, errMemory
	}
	return few{}, nil
}

func (full) Write(*tensor.Tensor, []byte) error { return errBus }

func (full) Read([]byte, *tensor.Tensor) error { return errBus }

type few struct{}

func (few) Len() int { return 4 }

func TestFaultsPanicTypedOrReturn(t *testing.T) {
	caught := func(f func()) (err error) {
		defer tensor.Catch(&err)
		f()
		return nil
	}
	err := caught(func() { backend.New(full{}, tensor.Float32, 2, 3) })
	assert.ErrorIs(t, err, errMemory)
	assert.EqualError(t, err, "allocating float32 [2 3]: out of memory")
	err = caught(func() { backend.FromSlice(full{}, []int32{1}, 1) })
	assert.ErrorIs(t, err, errBus)
	_, err = backend.Data[int32](full{}, backend.New(full{}, tensor.Int32, 3))
	assert.ErrorIs(t, err, errBus)
	err = caught(func() { backend.FromSlice(full{}, []int32{1}, 2) })
	assert.EqualError(t, err, "FromSlice [1], [2]: the data do not fill the shape")
	err = caught(func() { _, _ = backend.Data[float32](full{}, backend.New(full{}, tensor.Int32, 3)) })
	assert.EqualError(t, err, "Data [3]: holds int32, asked for float32")
}
