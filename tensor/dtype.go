package tensor

import (
	"fmt"
	"unsafe"
)

// DType is the type of a tensor's elements.
type DType uint8

// The element types. BFloat16 is storage only: backends convert it.
const (
	Float32 DType = iota + 1
	Float64
	Int32
	BFloat16
)

var dtypes = [...]struct {
	name string
	size int
}{Float32: {"float32", 4}, Float64: {"float64", 8}, Int32: {"int32", 4}, BFloat16: {"bfloat16", 2}}

// Size is the number of bytes of one element.
func (d DType) Size() int { return dtypes[d].size }

func (d DType) String() string {
	if d == 0 || int(d) >= len(dtypes) {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// IsFloat tells whether gradients can flow through elements of this type.
func (d DType) IsFloat() bool { return d == Float32 || d == Float64 || d == BFloat16 }

// ParseDType finds a DType by its name, as in a command's -dtype flag.
func ParseDType(name string) (DType, error) {
	for d := range dtypes {
		if d > 0 && dtypes[d].name == name {
			return DType(d), nil
		}
	}
	return 0, fmt.Errorf("unknown dtype %q: want float32, float64, int32 or bfloat16", name)
}

// Elem are the Go types that hold elements on the host.
type Elem interface{ float32 | float64 | int32 }

// DTypeOf is the DType whose elements are of type T.
func DTypeOf[T Elem]() DType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	}
	return Int32
}

// Bytes looks at the elements of s as bytes in the host's order, without a copy.
func Bytes[T Elem](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
