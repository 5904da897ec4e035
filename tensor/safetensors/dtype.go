package safetensors

import "github.com/tiller-ml/tiller/tensor"

// DType is the format's name of an element type.
type DType string

// The element types of the format, but for those of less than a byte.
const (
	Bool   DType = "BOOL"
	U8     DType = "U8"
	I8     DType = "I8"
	F8E5M2 DType = "F8_E5M2"
	F8E4M3 DType = "F8_E4M3"
	F8E8M0 DType = "F8_E8M0"
	U16    DType = "U16"
	I16    DType = "I16"
	F16    DType = "F16"
	BF16   DType = "BF16"
	U32    DType = "U32"
	I32    DType = "I32"
	F32    DType = "F32"
	U64    DType = "U64"
	I64    DType = "I64"
	F64    DType = "F64"
	C64    DType = "C64"
)

// Size is the number of bytes of one element, 0 for an unknown type.
func (d DType) Size() int {
	switch d {
	case Bool, U8, I8, F8E5M2, F8E4M3, F8E8M0:
		return 1
	case U16, I16, F16, BF16:
		return 2
	case U32, I32, F32:
		return 4
	case U64, I64, F64, C64:
		return 8
	}
	return 0
}

// DTypeOf is the format's name of a tensor's element type.
func DTypeOf(d tensor.DType) DType {
	switch d {
	case tensor.Float32:
		return F32
	case tensor.Float64:
		return F64
	case tensor.Int32:
		return I32
	case tensor.BFloat16:
		return BF16
	}
	return DType(d.String())
}
