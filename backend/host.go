package backend

import (
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// New allocates a contiguous tensor with undefined elements. A backend that
// has no memory left panics with a [*tensor.Error] that wraps its error.
func New(b Backend, dtype tensor.DType, shape ...int) *tensor.Tensor {
	t := new(tensor.Tensor)
	Init(b, t, dtype, shape...)
	return t
}

// Init makes t what New returns, in place.
func Init(b Backend, t *tensor.Tensor, dtype tensor.DType, shape ...int) {
	buf, err := b.Alloc(dtype, dtype.Room(shape))
	if err != nil {
		panic(&tensor.Error{Op: "allocating " + dtype.String(), Shapes: [][]int{slices.Clone(shape)}, Err: err})
	}
	t.Init(buf, dtype, shape...)
}

// Zeros allocates a tensor of zeros.
func Zeros(b Backend, dtype tensor.DType, shape ...int) *tensor.Tensor {
	t := New(b, dtype, shape...)
	b.Fill(t, 0)
	return t
}

// FromSlice allocates a tensor that holds data in row-major order.
func FromSlice[T tensor.Elem](b Backend, data []T, shape ...int) *tensor.Tensor {
	if tensor.Size(shape) != len(data) {
		panic(&tensor.Error{Op: "FromSlice", Shapes: [][]int{{len(data)}, shape}, Msg: "the data do not fill the shape"})
	}
	t := New(b, tensor.DTypeOf[T](), shape...)
	if err := b.Write(t, tensor.Bytes(data)); err != nil {
		panic(&tensor.Error{Op: "FromSlice", Shapes: [][]int{shape}, Err: err})
	}
	return t
}

// Data copies a tensor's elements to the host, row-major. T must be the
// tensor's own type. The error is the device's.
func Data[T tensor.Elem](b Backend, t *tensor.Tensor) ([]T, error) {
	if t.DType != tensor.DTypeOf[T]() {
		tensor.Panicf("Data", []*tensor.Tensor{t}, "holds %v, asked for %v", t.DType, tensor.DTypeOf[T]())
	}
	data := make([]T, t.Len())
	return data, b.Read(tensor.Bytes(data), t)
}

// Clone allocates a contiguous copy of a tensor, which may be a view.
func Clone(b Backend, t *tensor.Tensor) *tensor.Tensor {
	c := New(b, t.DType, t.Shape...)
	b.Copy(c, t)
	return c
}

// Release frees the buffers of tensors that own theirs; nils are skipped.
func Release(b Backend, ts ...*tensor.Tensor) {
	for _, t := range ts {
		if t != nil {
			b.Free(t.Buf)
		}
	}
}
