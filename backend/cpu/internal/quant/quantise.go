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

func quantiseBlock(dst []byte, x []float32) {
	var most float32
	for _, v := range x {
		if v-v != 0 {
			most = float32(math.NaN())
			break
		}
		most = max(most, v, -v)
	}
	scale := most / 127
	binary.NativeEndian.PutUint32(dst, math.Float32bits(scale))
	q := dst[4:]
	clear(q)
	if !(scale > 0) {
		return
	}
	for i, v := range x {
		r := math.RoundToEven(float64(v) / float64(scale))
		q[i] = byte(int8(min(max(r, -127), 127)))
	}
}
