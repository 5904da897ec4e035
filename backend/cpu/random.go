package cpu

import (
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/tensor"
)

// Random fills dst (contiguous) from the stream of key. The numbers are made in
// float64 and rounded once, but for Mask's comparison, which is in float32.
func (b *Backend) Random(dst *tensor.Tensor, d backend.Dist, key tensor.Key) {
	b.writes(dst)
	n := dst.Len()
	switch dst.DType {
	case tensor.Float32:
		randomLoop(b, slice[float32](dst)[:n], d, key)
	case tensor.Float64:
		randomLoop(b, slice[float64](dst)[:n], d, key)
	default:
		tensor.Panicf("Random", []*tensor.Tensor{dst}, "no kernel for %v", dst.DType)
	}
}

func randomLoop[T float](b *Backend, dst []T, d backend.Dist, key tensor.Key) {
	b.pool.For(len(dst), slowGrain, func(lo, hi int) {
		part, first := dst[lo:hi], uint64(lo)
		switch d.Kind {
		case backend.Uniform:
			uniform(part, d, key, first)
		case backend.Normal:
			normal(part, d, key, first)
		case backend.Mask:
			mask(part, d.A, key, first)
		}
	})
}

// uniform is A + (B-A)*u, u being the stream's numbers from first on. The
// conversion of the product forbids fusing it with the sum.
func uniform[T float](dst []T, d backend.Dist, key tensor.Key, first uint64) {
	eachWord(dst, key, first, func(word uint32) T {
		return T(d.A + float64((d.B-d.A)*tensor.Unit(word)))
	})
}

// normal is A + B*z. Two numbers come from a block.
func normal[T float](dst []T, d backend.Dist, key tensor.Key, first uint64) {
	var block [4]uint32
	for i := range dst {
		at := first + uint64(i)
		if i == 0 || at%2 == 0 {
			block = key.Block(at / 2)
		}
		j := 2 * (at % 2)
		dst[i] = T(d.A + float64(d.B*tensor.BoxMuller(block[j], block[j+1])))
	}
}

// mask is 1/keep where the stream's uniform is below keep = 1-p, else 0.
// Numbers count from first on.
func mask[T float](dst []T, p float64, key tensor.Key, first uint64) {
	keep := float32(1 - p)
	if dst, ok := any(dst).([]float32); ok && first%4 == 0 {
		block := first / 4
		ctr := [4]uint32{uint32(block), uint32(block >> 32), key.Site, key.Step}
		vec.DropoutMask(dst, uint32(key.Seed), uint32(key.Seed>>32), ctr, keep)
		return
	}
	scale := 1 / T(keep)
	eachWord(dst, key, first, func(word uint32) T {
		if float32(tensor.Unit(word)) < keep {
			return scale
		}
		return 0
	})
}

// eachWord is dst[i] = f(the stream's random word first+i).
func eachWord[T float](dst []T, key tensor.Key, first uint64, f func(word uint32) T) {
	var block [4]uint32
	for i := range dst {
		at := first + uint64(i)
		if i == 0 || at%4 == 0 {
			block = key.Block(at / 4)
		}
		dst[i] = f(block[at%4])
	}
}
