package backendtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// layout is a way for a tensor of some shape to lie in a larger one.
type layout struct {
	name  string
	least int // rank
	// outer is the shape to allocate, view the look into it.
	outer func(shape []int) []int
	view  func(base *tensor.Tensor, shape []int) *tensor.Tensor
}

var layouts = []layout{
	{"dense", 0, slices.Clone[[]int], func(base *tensor.Tensor, _ []int) *tensor.Tensor { return base }},
	{"sliced", 1,
		func(shape []int) []int { return longer(shape, 0, 5) },
		func(base *tensor.Tensor, shape []int) *tensor.Tensor { return base.Slice(0, 2, 2+shape[0]) }},
	{"padded", 1,
		func(shape []int) []int { return longer(shape, len(shape)-1, 3) },
		func(base *tensor.Tensor, shape []int) *tensor.Tensor { return base.Slice(-1, 1, 1+shape[len(shape)-1]) }},
	{"strided", 0,
		func(shape []int) []int { return append(slices.Clone(shape), 3) },
		func(base *tensor.Tensor, shape []int) *tensor.Tensor { return base.Slice(-1, 1, 2).Reshape(shape...) }},
	{"transposed", 2,
		func(shape []int) []int { return swapped(shape) },
		func(base *tensor.Tensor, _ []int) *tensor.Tensor { return base.Transpose() }},
	{"reversed", 3,
		func(shape []int) []int {
			r := slices.Clone(shape)
			slices.Reverse(r)
			return r
		},
		func(base *tensor.Tensor, shape []int) *tensor.Tensor {
			perm := make([]int, len(shape))
			for i := range perm {
				perm[i] = len(shape) - 1 - i
			}
			return base.Permute(perm...)
		}},
}

func longer(shape []int, axis, by int) []int {
	s := slices.Clone(shape)
	s[axis] += by
	return s
}

func swapped(shape []int) []int {
	s := slices.Clone(shape)
	n := len(s)
	s[n-1], s[n-2] = s[n-2], s[n-1]
	return s
}

// eachLayout runs f with every layout that a rank allows.
func eachLayout(rank int, f func(l layout)) {
	for _, l := range layouts {
		if rank >= l.least {
			f(l)
		}
	}
}

// other is the layout i places further on that a rank allows.
func other(l layout, i, rank int) layout {
	var fit []layout
	at := 0
	eachLayout(rank, func(m layout) {
		if m.name == l.name {
			at = len(fit)
		}
		fit = append(fit, m)
	})
	return fit[(at+i)%len(fit)]
}

var dense = layouts[0]

// untouched fills what lies around a view.
const untouched = -77

// room is a destination: a view and all the elements around it.
type room struct {
	view, base *tensor.Tensor
}

// room allocates a destination. The view's own elements are NaN, or untouched
// in int32, until they are written.
func (s *suite) room(l layout, d tensor.DType, shape ...int) room {
	base := backend.New(s.b, d, l.outer(shape)...)
	s.b.Fill(base, untouched)
	view := l.view(base, shape)
	if d.IsFloat() {
		s.b.Fill(view, math.NaN())
	}
	return room{view, base}
}

// put allocates a tensor that holds a.
func (s *suite) put(t *testing.T, l layout, d tensor.DType, a array) *tensor.Tensor {
	t.Helper()
	return s.fill(t, l, d, a).view
}

func (s *suite) fill(t *testing.T, l layout, d tensor.DType, a array) room {
	t.Helper()
	r := s.room(l, d, a.shape...)
	require.NoError(t, s.b.Write(r.view, encode(d, a.data)))
	return r
}

// get reads a tensor's elements.
func (s *suite) get(t *testing.T, x *tensor.Tensor) array {
	t.Helper()
	raw := make([]byte, x.Len()*x.DType.Size())
	require.NoError(t, s.b.Read(raw, x))
	return array{x.Shape, decode(x.DType, raw)}
}

// free releases the buffers of views; several views of one buffer count once.
func (s *suite) free(ts ...*tensor.Tensor) {
	var done []tensor.Buffer
	for _, x := range ts {
		if x != nil && !slices.Contains(done, x.Buf) {
			done = append(done, x.Buf)
			s.b.Free(x.Buf)
		}
	}
}

// check compares a destination with want and looks whether the rest of its
// buffer is as it was.
func (s *suite) check(t *testing.T, r room, want array, tol float64) {
	t.Helper()
	same(t, want, s.get(t, r.view), tol)
	if r.base == r.view {
		return
	}
	inside := make([]bool, r.base.Len())
	each(r.view.Shape, func(index []int) { inside[offset(r.view, index)] = true })
	for i, v := range s.get(t, r.base).data {
		if !inside[i] && v != untouched {
			require.Failf(t, "wrote outside the view", "element %d is %v", i, v)
		}
	}
}

// offset is the naive index map of a tensor.
func offset(x *tensor.Tensor, index []int) int {
	off := x.Offset
	for d, i := range index {
		off += i * x.Strides[d]
	}
	return off
}

// same compares elements within tol*max(1, |want|); NaN equals NaN.
func same(t *testing.T, want, got array, tol float64) {
	t.Helper()
	require.Equal(t, fmt.Sprint(want.shape), fmt.Sprint(got.shape))
	for i, w := range want.data {
		g := got.data[i]
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		if !(math.Abs(g-w) <= tol*max(1, math.Abs(w))) || math.IsInf(w, 0) {
			require.Failf(t, "elements differ", "element %d of %v: want %v, got %v, tolerance %v", i, want.shape, w, g, tol)
		}
	}
}

// tolerance is one figure for float32 and one for float64; int32 is exact.
type tolerance struct{ single, double float64 }

func (x tolerance) of(d tensor.DType) float64 {
	switch d {
	case tensor.Float32:
		return x.single
	case tensor.Float64:
		return x.double
	}
	return 0
}

var floats = []tensor.DType{tensor.Float32, tensor.Float64}

var numbers = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32}

// encode writes numbers as a dtype's bytes in the host's order.
func encode(d tensor.DType, data []float64) []byte {
	var raw []byte
	for _, v := range data {
		switch d {
		case tensor.Float32:
			raw = binary.NativeEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		case tensor.Float64:
			raw = binary.NativeEndian.AppendUint64(raw, math.Float64bits(v))
		case tensor.Int32:
			raw = binary.NativeEndian.AppendUint32(raw, uint32(int32(v)))
		case tensor.BFloat16:
			bits := math.Float32bits(float32(nearest(v, 8, -133)))
			raw = binary.NativeEndian.AppendUint16(raw, uint16(bits>>16))
		}
	}
	return raw
}

func decode(d tensor.DType, raw []byte) []float64 {
	data := make([]float64, len(raw)/d.Size())
	for i := range data {
		at := raw[i*d.Size():]
		switch d {
		case tensor.Float32:
			data[i] = float64(math.Float32frombits(binary.NativeEndian.Uint32(at)))
		case tensor.Float64:
			data[i] = math.Float64frombits(binary.NativeEndian.Uint64(at))
		case tensor.Int32:
			data[i] = float64(int32(binary.NativeEndian.Uint32(at)))
		case tensor.BFloat16:
			data[i] = float64(math.Float32frombits(uint32(binary.NativeEndian.Uint16(at)) << 16))
		}
	}
	return data
}
