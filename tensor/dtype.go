package tensor

import (
	"fmt"
	"unsafe"
)

// DType is the type of a tensor's elements.
type DType uint8

// The element types. BFloat16 and Int8 store weights that are only read:
// backends convert them, multiply by them and look rows up in them.
//
// An Int8 tensor's last axis lies in blocks of [BlockLen] elements, the last one
// filled up with zeros. A block is a float32 scale in the host's byte order
// followed by 32 signed bytes q; element i is q[i]*scale. Rows begin with a
// block, so a row of n elements takes 36*ceil(n/32) bytes, 9 bits an element.
const (
	Float32 DType = iota + 1
	Float64
	Int32
	BFloat16
	Int8
)

// BlockLen is the number of elements of a block of Int8.
const BlockLen = 32

var dtypes = [...]struct {
	name        string
	size, block int // bytes of a block, elements in it
}{
	Float32: {"float32", 4, 1}, Float64: {"float64", 8, 1}, Int32: {"int32", 4, 1},
	BFloat16: {"bfloat16", 2, 1}, Int8: {"int8", 4 + BlockLen, BlockLen},
}

// Size is the number of bytes of one element, of one block for Int8.
func (d DType) Size() int { return dtypes[d].size }

// Block is the number of elements that are stored as one: 1, or [BlockLen] for
// Int8.
func (d DType) Block() int { return dtypes[d].block }

// Bytes is what n elements take. n is a multiple of Block.
func (d DType) Bytes(n int) int { return n / d.Block() * d.Size() }

// Room is the number of elements that a contiguous tensor takes, those that
// fill up its blocks included.
func (d DType) Room(shape []int) int {
	n := Size(shape)
	if last := len(shape) - 1; last >= 0 && shape[last] > 0 {
		return n / shape[last] * d.whole(shape[last])
	}
	return n
}

// whole is n elements rounded up to whole blocks.
func (d DType) whole(n int) int {
	b := d.Block()
	return (n + b - 1) / b * b
}

// Compute is the type that the other operands of a product with d have:
// Float32 for BFloat16 and Int8, which no arithmetic is done in, else d itself.
func (d DType) Compute() DType {
	if d == BFloat16 || d == Int8 {
		return Float32
	}
	return d
}

func (d DType) String() string {
	if d == 0 || int(d) >= len(dtypes) {
		return fmt.Sprintf("dtype(%d)", uint8(d))
	}
	return dtypes[d].name
}

// IsFloat tells whether elements of this type are floating-point numbers.
func (d DType) IsFloat() bool { return d == Float32 || d == Float64 || d == BFloat16 }

// ParseDType finds a DType by its name, as in a command's -dtype flag.
func ParseDType(name string) (DType, error) {
	for d := range dtypes {
		if d > 0 && dtypes[d].name == name {
			return DType(d), nil
		}
	}
	return 0, fmt.Errorf("unknown dtype %q: want float32, float64, int32, bfloat16 or int8", name)
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
