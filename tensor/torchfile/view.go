package torchfile

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// maxAxes is more than any tensor without axes of length 1 can have.
const maxAxes = 64

// storage is a row of elements that tensors look into.
type storage struct {
	key   string
	dtype safetensors.DType
	n     int    // elements
	data  []byte // nil until it is found in the file
}

// put gives a storage the bytes that the file has for it.
func (s *storage) put(data []byte) error {
	hi, size := bits.Mul64(uint64(s.n), uint64(s.dtype.Size()))
	if hi != 0 || size > uint64(len(data)) {
		return fmt.Errorf("storage %.30q: %d elements of %s do not fit in the %d bytes there are", s.key, s.n, s.dtype, len(data))
	}
	s.data = data[:size:size]
	return nil
}

// view is a tensor: element (i, j, ...) is the storage's
// offset + i*strides[0] + j*strides[1] + ...
type view struct {
	storage *storage
	offset  int
	shape   []int
	strides []int
}

// rebuildTensor is torch._utils._rebuild_tensor_v2(storage, offset, size,
// stride, requires_grad, hooks[, metadata]).
func rebuildTensor(args []any) (any, error) {
	if len(args) < 6 {
		return nil, fmt.Errorf("a tensor with %d arguments", len(args))
	}
	s, ok := args[0].(*storage)
	if !ok {
		return nil, fmt.Errorf("a tensor of %T, which is no storage", args[0])
	}
	offset, ok := args[1].(int)
	shape, ok2 := lengths(args[2])
	strides, ok3 := lengths(args[3])
	if !ok || !ok2 || !ok3 || offset < 0 || len(shape) != len(strides) || len(shape) > maxAxes {
		return nil, fmt.Errorf("storage %.30q: a tensor in it has no valid offset, shape and strides", s.key)
	}
	v := &view{s, offset, shape, strides}
	if err := v.check(); err != nil {
		return nil, fmt.Errorf("storage %.30q: a tensor of shape %d and strides %d at %d: %w", s.key, shape, strides, offset, err)
	}
	return v, nil
}

// rebuildParameter is torch._utils._rebuild_parameter(tensor, requires_grad,
// hooks).
func rebuildParameter(args []any) (any, error) {
	if len(args) > 0 {
		if v, ok := args[0].(*view); ok {
			return v, nil
		}
	}
	return nil, errors.New("a parameter that is no tensor")
}

// lengths are a tuple of whole numbers, none negative.
func lengths(x any) ([]int, bool) {
	t, ok := x.(*types.Tuple)
	if !ok {
		return nil, false
	}
	out := make([]int, len(*t))
	for i, item := range *t {
		n, ok := item.(int)
		if !ok || n < 0 {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// check tells whether every element lies in the storage and none twice, as far
// as their number goes.
func (v *view) check() error {
	if slices.Contains(v.shape, 0) { // size may overflow
		return nil
	}
	n, last := uint64(1), uint64(v.offset)
	for i, d := range v.shape {
		hi, lo := bits.Mul64(n, uint64(d))
		span, step := bits.Mul64(uint64(d-1), uint64(v.strides[i]))
		sum, carry := bits.Add64(last, step, 0)
		if hi != 0 || span != 0 || carry != 0 {
			return errors.New("it is larger than memory")
		}
		n, last = lo, sum
	}
	if last >= uint64(v.storage.n) {
		return fmt.Errorf("it reaches beyond the %d elements", v.storage.n)
	}
	if n > uint64(v.storage.n) {
		return fmt.Errorf("its elements overlap: there are %d", v.storage.n)
	}
	return nil
}

// size is the number of elements of a checked view.
func (v *view) size() int {
	n := 1
	for _, d := range v.shape {
		if d == 0 {
			return 0
		}
		n *= d
	}
	return n
}

func (v *view) contiguous() bool {
	step := 1
	for i := len(v.shape) - 1; i >= 0; i-- {
		if v.shape[i] != 1 && v.strides[i] != step {
			return false
		}
		step *= v.shape[i]
	}
	return true
}

// rowMajor are the bytes of the elements, the last index fastest.
func (v *view) rowMajor() []byte {
	n, size := v.size(), v.storage.dtype.Size()
	if n == 0 {
		return nil
	}
	if v.contiguous() {
		from, to := v.offset*size, (v.offset+n)*size
		return v.storage.data[from:to:to]
	}
	return v.gather(make([]byte, 0, n*size), 0, v.offset)
}

// gather appends the elements from axis on, the first of them at.
func (v *view) gather(dst []byte, axis, at int) []byte {
	if axis == len(v.shape) {
		size := v.storage.dtype.Size()
		return append(dst, v.storage.data[at*size:(at+1)*size]...)
	}
	for range v.shape[axis] {
		dst = v.gather(dst, axis+1, at)
		at += v.strides[axis]
	}
	return dst
}
