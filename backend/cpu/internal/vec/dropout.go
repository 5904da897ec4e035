package vec

import (
	"math"

	"github.com/tiller-ml/tiller/tensor"
)

// DropoutMask sets dst[i] to 1/keep where uniform number i of the stream is
// below keep, and to 0 elsewhere. Number i is word i%4 of the Philox4x32-10
// block at counter ctr+i/4 under the key (seed0, seed1), as [tensor.Unit] maps
// it to [0, 1); the counter's first two words count, as one 64-bit number.
//
// A mask cut into pieces is the same if each starts at a multiple of four
// elements, with its counter advanced by as many blocks.
func DropoutMask(dst []float32, seed0, seed1 uint32, ctr [4]uint32, keep float32) {
	if !(keep >= 0 && keep <= 1) {
		panic(&tensor.Error{Op: "vec.DropoutMask", Shapes: [][]int{{len(dst)}}, Msg: "keep is not in [0, 1]"})
	}
	// u < keep is word>>8 < keep*2^24, and both sides are exact.
	threshold := uint32(math.Ceil(float64(keep) * (1 << 24)))
	active.dropoutMask(dst, seed0, seed1, uint64(ctr[0])|uint64(ctr[1])<<32, ctr[2], ctr[3], threshold, 1/keep)
}

// dropoutMaskGeneric keeps an element, as scale, where its word's upper 24
// bits are below threshold.
func dropoutMaskGeneric(dst []float32, seed0, seed1 uint32, block uint64, word2, word3, threshold uint32, scale float32) {
	for i := 0; i < len(dst); i += 4 {
		words := tensor.Philox([4]uint32{uint32(block), uint32(block >> 32), word2, word3}, [2]uint32{seed0, seed1})
		for j := range dst[i:min(i+4, len(dst))] {
			dst[i+j] = 0
			if words[j]>>8 < threshold {
				dst[i+j] = scale
			}
		}
		block++
	}
}
