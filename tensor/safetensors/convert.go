package safetensors

import (
	"encoding/binary"
	"math"
)

// Float64s are the elements, converted from any of the format's integers,
// booleans (0 and 1) and floats but those of eight bits. 64-bit integers are
// rounded.
func (t *Tensor) Float64s() ([]float64, error) { return floats[float64](t) }

// Float32s is Float64s rounded to float32; values beyond its range become
// infinite.
func (t *Tensor) Float32s() ([]float32, error) { return floats[float32](t) }

// Int32s are the elements of a tensor of integers or booleans. One that does
// not fit is an error.
func (t *Tensor) Int32s() ([]int32, error) {
	wide, ok := integers[int64](t)
	if !ok {
		return nil, t.errorf("holds %s, wanted integers", t.DType)
	}
	out := make([]int32, len(wide))
	for i, x := range wide {
		if x != int64(int32(x)) || t.DType == U64 && x < 0 {
			return nil, t.errorf("element %d does not fit in 32 bits", i)
		}
		out[i] = int32(x)
	}
	return out, nil
}

func floats[T float32 | float64](t *Tensor) ([]T, error) {
	le := binary.LittleEndian
	switch t.DType {
	case F64:
		return each(t, func(b []byte) T { return T(math.Float64frombits(le.Uint64(b))) }), nil
	case F32:
		return each(t, func(b []byte) T { return T(math.Float32frombits(le.Uint32(b))) }), nil
	case BF16:
		return each(t, func(b []byte) T { return T(math.Float32frombits(uint32(le.Uint16(b)) << 16)) }), nil
	case F16:
		return each(t, func(b []byte) T { return T(half(le.Uint16(b))) }), nil
	}
	out, ok := integers[T](t)
	if !ok {
		return nil, t.errorf("no conversion from %s to numbers", t.DType)
	}
	return out, nil
}

// integers converts a tensor of integers; false for one of another type.
func integers[T int64 | float32 | float64](t *Tensor) ([]T, bool) {
	le := binary.LittleEndian
	switch t.DType {
	case Bool, U8:
		return each(t, func(b []byte) T { return T(b[0]) }), true
	case I8:
		return each(t, func(b []byte) T { return T(int8(b[0])) }), true
	case U16:
		return each(t, func(b []byte) T { return T(le.Uint16(b)) }), true
	case I16:
		return each(t, func(b []byte) T { return T(int16(le.Uint16(b))) }), true
	case U32:
		return each(t, func(b []byte) T { return T(le.Uint32(b)) }), true
	case I32:
		return each(t, func(b []byte) T { return T(int32(le.Uint32(b))) }), true
	case U64:
		return each(t, func(b []byte) T { return T(le.Uint64(b)) }), true
	case I64:
		return each(t, func(b []byte) T { return T(int64(le.Uint64(b))) }), true
	}
	return nil, false
}

// each converts the elements of t one by one.
func each[T any](t *Tensor, convert func(b []byte) T) []T {
	size := t.DType.Size()
	out := make([]T, len(t.Data)/size)
	for i := range out {
		out[i] = convert(t.Data[i*size:])
	}
	return out
}

// half widens an IEEE binary16: a sign, five bits of exponent biased by 15, ten
// of fraction.
func half(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&1023)
	switch exponent {
	case 0: // fraction * 2^-24, a normal float32
		return math.Float32frombits(sign | math.Float32bits(float32(fraction)/(1<<24)))
	case 31:
		return math.Float32frombits(sign | 255<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}
