package backendtest

import (
	"math"

	"github.com/tiller-ml/tiller/tensor"
)

// array is the oracle's tensor: row-major float64.
type array struct {
	shape []int
	data  []float64
}

func newArray(shape ...int) array { return array{shape, make([]float64, tensor.Size(shape))} }

// normals are standard normal numbers; each seed gives others.
func normals(seed uint64, shape ...int) array {
	a := newArray(shape...)
	for i := range a.data {
		a.data[i] = tensor.Key{Seed: seed}.Normal(uint64(i))
	}
	return a
}

// integers lie in [lo, hi).
func integers(seed uint64, lo, hi int, shape ...int) array {
	a := newArray(shape...)
	for i := range a.data {
		a.data[i] = float64(lo + int(float64(hi-lo)*tensor.Key{Seed: seed}.Uniform(uint64(i))))
	}
	return a
}

// mapped is f of every element.
func (a array) mapped(f func(float64) float64) array {
	m := newArray(a.shape...)
	for i, v := range a.data {
		m.data[i] = f(v)
	}
	return m
}

// rounded is what remains of a in a dtype.
func (a array) rounded(d tensor.DType) array {
	return a.mapped(func(v float64) float64 { return round(d, v) })
}

// round is the nearest number of a dtype, ties to even; int32 cuts.
func round(d tensor.DType, v float64) float64 {
	switch d {
	case tensor.Float32:
		return float64(float32(v))
	case tensor.Int32:
		return math.Trunc(v)
	case tensor.BFloat16:
		return nearest(v, 8, -133)
	}
	return v
}

// nearest rounds v to so many significant bits, or to multiples of 2^least
// where that is coarser. The exponents are those of float32.
func nearest(v float64, bits, least int) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return v
	}
	_, exp := math.Frexp(v)
	unit := math.Ldexp(1, max(exp-bits, least))
	r := math.RoundToEven(v/unit) * unit
	if math.Abs(r) >= math.Ldexp(1, 128) {
		return math.Inf(int(math.Copysign(1, v)))
	}
	return r
}

// each visits the indices of a shape in row-major order. The index is reused.
func each(shape []int, visit func(index []int)) {
	if tensor.Size(shape) == 0 {
		return
	}
	index := make([]int, len(shape))
	for {
		visit(index)
		d := len(shape) - 1
		for ; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
		if d < 0 {
			return
		}
	}
}

// flat is where a has an index, whose axes are matched from the last and taken
// as 0 where a has length 1.
func (a array) flat(index []int) int {
	i := 0
	for d, n := range a.shape {
		i *= n
		if n != 1 {
			i += index[len(index)-len(a.shape)+d]
		}
	}
	return i
}

func (a array) at(index ...int) float64 { return a.data[a.flat(index)] }

// build is the array of f over a shape.
func build(shape []int, f func(index []int) float64) array {
	a := newArray(shape...)
	i := 0
	each(shape, func(index []int) {
		a.data[i] = f(index)
		i++
	})
	return a
}
