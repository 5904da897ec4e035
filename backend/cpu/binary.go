package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// Binary is dst = f(x, y), elementwise; x and y broadcast to dst's shape.
func (b *Backend) Binary(f backend.Binary, dst, x, y *tensor.Tensor) {
	b.writes(dst)
	l := b.elementwise(dst.Shape, dst, x, y)
	defer b.done(l)
	if f == backend.Less || f == backend.Equal {
		b.compare(f, l, dst, x, y)
		return
	}
	switch dst.DType {
	case tensor.Float32:
		map2(b, l, grain, slice[float32](dst), slice[float32](x), slice[float32](y), vecBinary[f])
	case tensor.Float64:
		map2(b, l, costs64[f], slice[float64](dst), slice[float64](x), slice[float64](y), binary64[f])
	case tensor.Int32:
		if f <= backend.Mul {
			map2(b, l, grain, slice[int32](dst), slice[int32](x), slice[int32](y), binaryInt[f])
			return
		}
		fallthrough
	default:
		tensor.Panicf("Binary", []*tensor.Tensor{dst, x, y}, "no kernel for %v", dst.DType)
	}
}

// compare is Less and Equal, whose dst is int32.
func (b *Backend) compare(f backend.Binary, l *loop.Loop, dst, x, y *tensor.Tensor) {
	switch x.DType {
	case tensor.Float32:
		compareLoop(b, f, l, dst, slice[float32](x), slice[float32](y))
	case tensor.Float64:
		compareLoop(b, f, l, dst, slice[float64](x), slice[float64](y))
	case tensor.Int32:
		compareLoop(b, f, l, dst, slice[int32](x), slice[int32](y))
	default:
		tensor.Panicf("Binary", []*tensor.Tensor{dst, x, y}, "no comparison of %v", x.DType)
	}
}

func compareLoop[T tensor.Elem](b *Backend, f backend.Binary, l *loop.Loop, dst *tensor.Tensor, x, y []T) {
	each := less[T]
	if f == backend.Equal {
		each = equal[T]
	}
	map2(b, l, grain, slice[int32](dst), x, y, each)
}

var vecBinary = [backend.BinaryKinds]func(dst, x, y []float32){
	backend.Add: vec.Add, backend.Sub: vec.Sub, backend.Mul: vec.Mul, backend.Div: vec.Div,
	backend.TanhGrad: vec.TanhGrad, backend.LogisticGrad: vec.LogisticGrad,
	backend.GELUGrad: vec.GELUGrad, backend.GELUTanhGrad: vec.GELUTanhGrad,
}

var binary64 = [backend.BinaryKinds]func(dst, x, y []float64){
	backend.Add: add[float64], backend.Sub: sub[float64], backend.Mul: mulEach[float64],
	backend.Div:      div64,
	backend.TanhGrad: tanhGradEach, backend.LogisticGrad: logisticGradEach,
	backend.GELUGrad: geluGradEach, backend.GELUTanhGrad: geluTanhGradEach,
}

var costs64 = [backend.BinaryKinds]int{
	backend.Add: grain, backend.Sub: grain, backend.Mul: grain, backend.Div: grain,
	backend.TanhGrad: grain, backend.LogisticGrad: grain,
	backend.GELUGrad: slowGrain, backend.GELUTanhGrad: slowGrain,
}

var binaryInt = [...]func(dst, x, y []int32){
	backend.Add: add[int32], backend.Sub: sub[int32], backend.Mul: mulEach[int32],
}

func add[T tensor.Elem](dst, x, y []T) {
	y, dst = y[:len(x)], dst[:len(x)]
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func sub[T tensor.Elem](dst, x, y []T) {
	y, dst = y[:len(x)], dst[:len(x)]
	for i, v := range x {
		dst[i] = v - y[i]
	}
}

func mulEach[T tensor.Elem](dst, x, y []T) {
	y, dst = y[:len(x)], dst[:len(x)]
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

func div64(dst, x, y []float64) {
	for i, v := range x {
		dst[i] = v / y[i]
	}
}

func less[T tensor.Elem](dst []int32, x, y []T) {
	for i, v := range x {
		var truth int32
		if v < y[i] {
			truth = 1
		}
		dst[i] = truth
	}
}

func equal[T tensor.Elem](dst []int32, x, y []T) {
	for i, v := range x {
		var truth int32
		if v == y[i] {
			truth = 1
		}
		dst[i] = truth
	}
}

func tanhGradEach(dst, y, g []float64) {
	for i, v := range y {
		dst[i] = g[i] * (1 - v*v)
	}
}

func logisticGradEach(dst, y, g []float64) {
	for i, v := range y {
		dst[i] = g[i] * v * (1 - v)
	}
}

func geluGradEach(dst, x, g []float64) {
	for i, v := range x {
		dst[i] = g[i] * geluGrad(v)
	}
}

func geluTanhGradEach(dst, x, g []float64) {
	for i, v := range x {
		dst[i] = g[i] * geluTanhGrad(v)
	}
}
