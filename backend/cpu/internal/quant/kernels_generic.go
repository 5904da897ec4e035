package quant

import (
	"encoding/binary"
	"math"
)

var generic = kernels{
	name: "generic", dotRows: 4, axpyRows: 4,
	bfloat16: genericFormat(64, widenBFloat16),
	int8:     genericFormat(36, widenInt8),
}

func widenBFloat16(dst *[blockLen]float32, w []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(uint32(binary.NativeEndian.Uint16(w[2*i:])) << 16)
	}
}

func widenInt8(dst *[blockLen]float32, w []byte) {
	scale := math.Float32frombits(binary.NativeEndian.Uint32(w))
	for i, q := range w[4 : 4+blockLen] {
		dst[i] = float32(int8(q)) * scale
	}
}

// genericFormat are the loops over blocks of size bytes, each widened once.
func genericFormat(size int, widen func(dst *[blockLen]float32, w []byte)) format {
	return format{
		dot: func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32) {
			wide := dotCols(rows)
			clear(out[:rows*wide])
			for j := range cols {
				for b := range blocks {
					var part [blockLen]float32
					widen(&part, w[j*ldw+b*size:])
					for i := range rows {
						out[i*wide+j] += dotBlock((*[blockLen]float32)(x[i*ldx+b*blockLen:]), &part)
					}
				}
			}
		},
		axpy: func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int) {
			for p := range n {
				for b := range blocks {
					var part [blockLen]float32
					widen(&part, w[p*ldw+b*size:])
					for i := range rows {
						f, to := x[i*ldx+p], y[i*ldy+b*blockLen:][:blockLen]
						for k, v := range part {
							to[k] += f * v
						}
					}
				}
			}
		},
		widen: func(blocks int, dst []float32, w []byte) {
			for b := range blocks {
				widen((*[blockLen]float32)(dst[b*blockLen:]), w[b*size:])
			}
		},
	}
}

// dotBlock keeps four sums, for speed and for precision.
func dotBlock(x, y *[blockLen]float32) float32 {
	var s0, s1, s2, s3 float32
	for i := 0; i < blockLen; i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	return (s0 + s2) + (s1 + s3)
}
