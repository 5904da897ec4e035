package safetensors_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

func TestConvert(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	tests := []struct {
		dtype safetensors.DType
		data  any
		want  []float64
		ints  []int32 // nil for types that are not whole
	}{
		{safetensors.F64, []float64{1.5, -inf, nan, 0x1p-1074}, []float64{1.5, -inf, nan, 0x1p-1074}, nil},
		{safetensors.F32, []float32{1.5, -2, 0x1p-149}, []float64{1.5, -2, 0x1p-149}, nil},
		{safetensors.BF16, []uint16{0x3fc0, 0xc000, 0x7f80, 1}, []float64{1.5, -2, inf, 0x1p-133}, nil},
		{safetensors.F16, []uint16{0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x8001, 0x7c00, 0xfc00, 0x7e00, 0x3555},
			[]float64{1, -2, 65504, 0x1p-14, 1023 * 0x1p-24, -0x1p-24, inf, -inf, nan, 0x1.554p-2}, nil},
		{safetensors.I64, []int64{-3, math.MaxInt32, math.MinInt32}, []float64{-3, math.MaxInt32, math.MinInt32}, []int32{-3, math.MaxInt32, math.MinInt32}},
		{safetensors.U64, []uint64{3}, []float64{3}, []int32{3}},
		{safetensors.I32, []int32{-3, 4}, []float64{-3, 4}, []int32{-3, 4}},
		{safetensors.U32, []uint32{3}, []float64{3}, []int32{3}},
		{safetensors.I16, []int16{-3, 4}, []float64{-3, 4}, []int32{-3, 4}},
		{safetensors.U16, []uint16{65535}, []float64{65535}, []int32{65535}},
		{safetensors.I8, []int8{-3, 4}, []float64{-3, 4}, []int32{-3, 4}},
		{safetensors.U8, []uint8{255}, []float64{255}, []int32{255}},
		{safetensors.Bool, []uint8{0, 1}, []float64{0, 1}, []int32{0, 1}},
		{safetensors.F32, []float32{}, []float64{}, nil},
	}
	for _, tt := range tests {
		t.Run(string(tt.dtype), func(t *testing.T) {
			data, err := binary.Append(nil, binary.LittleEndian, tt.data)
			require.NoError(t, err)
			x := safetensors.Tensor{Name: "x", DType: tt.dtype, Data: data}

			wide, err := x.Float64s()
			require.NoError(t, err)
			assert.Empty(t, cmp.Diff(tt.want, wide, cmpopts.EquateNaNs()))
			narrow, err := x.Float32s()
			require.NoError(t, err)
			for i, want := range tt.want {
				assert.Equal(t, math.Float32bits(float32(want))&^0x3fffff, math.Float32bits(narrow[i])&^0x3fffff)
			}
			ints, err := x.Int32s()
			if tt.ints == nil {
				assert.ErrorContains(t, err, "wanted integers")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.ints, ints)
		})
	}
}

func TestConvertRejects(t *testing.T) {
	bytesOf := func(x any) []byte {
		b, err := binary.Append(nil, binary.LittleEndian, x)
		require.NoError(t, err)
		return b
	}
	for _, x := range []safetensors.Tensor{
		{DType: safetensors.I64, Data: bytesOf([]int64{0, math.MaxInt32 + 1})},
		{DType: safetensors.I64, Data: bytesOf([]int64{0, math.MinInt32 - 1})},
		{DType: safetensors.U32, Data: bytesOf([]uint32{0, math.MaxInt32 + 1})},
		{DType: safetensors.U64, Data: bytesOf([]uint64{0, math.MaxUint64})},
		{DType: safetensors.U64, Data: bytesOf([]uint64{0, 1 << 63})},
	} {
		_, err := x.Int32s()
		assert.ErrorContains(t, err, "element 1 does not fit in 32 bits", x.DType)
	}
	for _, d := range []safetensors.DType{safetensors.C64, safetensors.F8E4M3, "F31"} {
		x := safetensors.Tensor{Name: "x", DType: d, Data: make([]byte, 8)}
		_, err := x.Float32s()
		assert.ErrorContains(t, err, `tensor "x": no conversion from `+string(d))
	}
}
