package quant

import (
	"encoding/binary"
	"math"
)

// Quantise writes a row as Int8 blocks, the last one filled up with zeros. dst
// has 36 bytes for each block. A block with NaN or an infinity becomes all NaN.
func Quantise(dst []byte, row []float32) {
	for len(row) > 0 {
		n := min(blockLen, len(row))
		quantiseBlock(dst[:4+blockLen], row[:n])
		dst, row = dst[4+blockLen:], row[n:]
	}
}

// roundHalf is 1.5 * 2^52: added to a float64 of at most 32 bits it leaves the
// nearest integer, ties to even, in the lowest bits.
const roundHalf = 3 << 51

func quantiseBlock(dst []byte, x []float32) {
	var most uint32 // magnitudes are ordered as their bits are
	for _, v := range x {
		most = max(most, math.Float32bits(v)&^(1<<31))
	}
	scale := math.Float32frombits(most) / 127
	if most >= math.Float32bits(float32(math.Inf(1))) {
		scale = float32(math.NaN())
	}
	binary.NativeEndian.PutUint32(dst, math.Float32bits(scale))
	q := dst[4:]
	clear(q)
	if !(scale > 0) {
		return
	}
	wide := float64(scale)
	if scale < smallestNormal {
		// The scale is far from a 127th: it is not as precise there.
		for i, v := range x {
			q[i] = byte(int8(min(max(math.RoundToEven(float64(v)/wide), -127), 127)))
		}
		return
	}
	for i, v := range x {
		q[i] = byte(math.Float64bits(float64(v)/wide + roundHalf))
	}
}

// smallestNormal is the least float32 of full precision.
const smallestNormal = 0x1p-126
