package tensor_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/tensor"
)

func TestDTypes(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		name  string
		size  int
		float bool
	}{
		{tensor.Float32, "float32", 4, true}, {tensor.Float64, "float64", 8, true},
		{tensor.Int32, "int32", 4, false}, {tensor.BFloat16, "bfloat16", 2, true},
		{tensor.Int8, "int8", 36, false},
	} {
		assert.Equal(t, c.name, c.d.String())
		assert.Equal(t, c.size, c.d.Size())
		assert.Equal(t, c.float, c.d.IsFloat())
		got, err := tensor.ParseDType(c.name)
		assert.NoError(t, err)
		assert.Equal(t, c.d, got)
	}
	for _, name := range []string{"", "float16", "Float32"} {
		_, err := tensor.ParseDType(name)
		assert.ErrorContains(t, err, "unknown dtype")
	}
	assert.Equal(t, "dtype(0)", tensor.DType(0).String())
	assert.Equal(t, "dtype(9)", tensor.DType(9).String())
	assert.Equal(t, tensor.Float32, tensor.DTypeOf[float32]())
	assert.Equal(t, tensor.Float64, tensor.DTypeOf[float64]())
	assert.Equal(t, tensor.Int32, tensor.DTypeOf[int32]())
}

func TestBytesShareMemory(t *testing.T) {
	x := []int32{1, -1}
	raw := tensor.Bytes(x)
	assert.Len(t, raw, 8)
	assert.Equal(t, []byte{0xff, 0xff, 0xff, 0xff}, raw[4:])
	clear(raw)
	assert.Equal(t, []int32{0, 0}, x)
	assert.Nil(t, tensor.Bytes([]float64(nil)))
	assert.Len(t, tensor.Bytes(make([]float64, 3)), 24)
}

func TestCatch(t *testing.T) {
	caught := func(v any) (err error) {
		defer tensor.Catch(&err)
		if v != nil {
			panic(v)
		}
		return nil
	}
	assert.NoError(t, caught(nil))
	fault := &tensor.Error{Op: "allocating float32", Shapes: [][]int{{3}}, Err: io.ErrUnexpectedEOF}
	err := caught(fault)
	assert.EqualError(t, err, "allocating float32 [3]: unexpected EOF")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.EqualError(t, caught(errors.Join(fault)), fault.Error(), "wrapped")
	assert.PanicsWithValue(t, "other", func() { _ = caught("other") })
	assert.PanicsWithError(t, "EOF", func() { _ = caught(io.EOF) })
}

func TestPanicfSkipsNils(t *testing.T) {
	x := tensor.New(memory(6), tensor.Float32, 2, 3)
	assert.PanicsWithError(t, "Conv [2 3], [2 3]: want 7 axes", func() {
		tensor.Panicf("Conv", []*tensor.Tensor{x, nil, x}, "want %d axes", 7)
	})
}
