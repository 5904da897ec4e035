package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

// Copy writes src to dst, converting where the dtypes differ: floats to int32
// towards zero, to a narrower float by rounding to nearest even.
func (b *Backend) Copy(dst, src *tensor.Tensor) {
	b.writes(dst)
	if dst.DType == tensor.Int8 || src.DType == tensor.Int8 {
		b.copyBlocks(dst, src)
		return
	}
	l := b.elementwise(dst.Shape, dst, src)
	defer b.done(l)
	if dst.DType == src.DType {
		switch dst.DType.Size() {
		case 8:
			move(b, l, slice[float64](dst), slice[float64](src))
		case 4:
			move(b, l, slice[float32](dst), slice[float32](src))
		case 2:
			move(b, l, elements[uint16](dst), elements[uint16](src))
		}
		return
	}
	switch dst.DType {
	case tensor.Float32:
		convertTo(b, l, slice[float32](dst), src, float32FromBFloat16)
	case tensor.Float64:
		convertTo(b, l, slice[float64](dst), src, convertBFloat16[float64])
	case tensor.Int32:
		convertTo(b, l, slice[int32](dst), src, convertBFloat16[int32])
	case tensor.BFloat16:
		roundTo(b, l, elements[uint16](dst), src)
	}
}

// move is Copy between equal dtypes.
func move[T number](b *Backend, l *loop.Loop, dst, src []T) {
	for axis := range l.Rank - 1 {
		if l.Inner(0) == 1 && l.Inner(1) > 1 && l.Strides[1][axis] == 1 {
			transpose(b, l, axis, dst, src)
			return
		}
	}
	map1(b, l, grain, dst, src, func(dst, x []T) { copy(dst, x) })
}

// transpose is move where src is dense along an outer axis: both are walked in
// blocks whose cache lines are used up before they are left.
func transpose[T number](b *Backend, l *loop.Loop, axis int, dst, src []T) {
	const block = 32
	last := l.Rank - 1
	rows, cols := l.Shape[axis], l.Shape[last]
	dstStep, srcStep := l.Strides[0][axis], l.Inner(1)
	outer := *l
	outer.Shape[axis], outer.Shape[last] = 1, 1
	outer.Size /= rows * cols
	down, across := (rows+block-1)/block, (cols+block-1)/block
	b.pool.For(outer.Size*down*across, grain/(block*block), func(lo, hi int) {
		for task := lo; task < hi; task++ {
			o, i0, j0 := task/(down*across), task/across%down*block, task%across*block
			d, s := dst[outer.Offset(0, o):], src[outer.Offset(1, o):]
			for i := i0; i < min(i0+block, rows); i++ {
				row := d[i*dstStep+j0 : i*dstStep+min(j0+block, cols)]
				gather(row, s[i+j0*srcStep:], srcStep)
			}
		}
	})
}

func convertTo[D tensor.Elem](b *Backend, l *loop.Loop, dst []D, src *tensor.Tensor, widen func(dst []D, x []uint16)) {
	switch src.DType {
	case tensor.Float32:
		map1(b, l, grain, dst, slice[float32](src), convert[D, float32])
	case tensor.Float64:
		map1(b, l, grain, dst, slice[float64](src), convert[D, float64])
	case tensor.Int32:
		map1(b, l, grain, dst, slice[int32](src), convert[D, int32])
	case tensor.BFloat16:
		map1(b, l, grain, dst, elements[uint16](src), widen)
	}
}

func roundTo(b *Backend, l *loop.Loop, dst []uint16, src *tensor.Tensor) {
	switch src.DType {
	case tensor.Float32:
		map1(b, l, grain, dst, slice[float32](src), bfloat16FromFloat32)
	case tensor.Float64:
		map1(b, l, grain, dst, slice[float64](src), bfloat16From[float64])
	case tensor.Int32:
		map1(b, l, grain, dst, slice[int32](src), bfloat16From[int32])
	}
}

func convert[D, T tensor.Elem](dst []D, x []T) {
	for i, v := range x {
		dst[i] = D(v)
	}
}

func float32FromBFloat16(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = math.Float32frombits(uint32(v) << 16)
	}
}

func convertBFloat16[D tensor.Elem](dst []D, x []uint16) {
	for i, v := range x {
		dst[i] = D(math.Float32frombits(uint32(v) << 16))
	}
}

func bfloat16FromFloat32(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = bfloat16(v)
	}
}

func bfloat16From[T tensor.Elem](dst []uint16, x []T) {
	for i, v := range x {
		dst[i] = bfloat16(roundToOdd(float64(v)))
	}
}

// bfloat16 is the upper half of v's bits, rounded to nearest even; a NaN stays
// one.
func bfloat16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

// roundToOdd is v as a float32 whose last bit is set where v lies between two
// of them, so that rounding once more is as good as rounding v itself.
func roundToOdd(v float64) float32 {
	f := float32(v)
	bits := math.Float32bits(f)
	if float64(f) == v || v != v || bits&1 == 1 {
		return f
	}
	if math.Abs(float64(f)) < math.Abs(v) {
		return math.Float32frombits(bits + 1)
	}
	return math.Float32frombits(bits - 1)
}

// Fill writes one value to every element of dst.
func (b *Backend) Fill(dst *tensor.Tensor, value float64) {
	b.writes(dst)
	if dst.DType == tensor.Int8 {
		b.fillBlocks(dst, float32(value))
		return
	}
	l := b.elementwise(dst.Shape, dst)
	defer b.done(l)
	switch dst.DType {
	case tensor.Float32:
		fillLoop(b, l, slice[float32](dst), float32(value))
	case tensor.Float64:
		fillLoop(b, l, slice[float64](dst), value)
	case tensor.Int32:
		fillLoop(b, l, slice[int32](dst), int32(value))
	case tensor.BFloat16:
		fillLoop(b, l, elements[uint16](dst), bfloat16(roundToOdd(value)))
	}
}

func fillLoop[T number](b *Backend, l *loop.Loop, dst []T, v T) {
	stride := l.Inner(0)
	b.pool.For(l.Size, grain, func(lo, hi int) {
		l.Runs(lo, hi, hi-lo, func(off [maxOperands]int, n int) {
			if stride == 1 {
				fill(dst[off[0]:off[0]+n], v)
				return
			}
			for i := range n {
				dst[off[0]+i*stride] = v
			}
		})
	})
}
