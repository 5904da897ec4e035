//go:build !noasm

package quant

import "github.com/tiller-ml/tiller/backend/cpu/internal/asm"

// available returns the kernels this machine can run, the best first.
func available() []*kernels {
	switch asm.ISA {
	case asm.AVX512:
		return []*kernels{&avx512, &avx2, &generic}
	case asm.AVX2:
		return []*kernels{&avx2, &generic}
	}
	return []*kernels{&generic}
}

var avx512 = kernels{
	name: "avx512", dotRows: 12, axpyRows: 12,
	bfloat16: format{
		dot: func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32) {
			asm.DotBFloat16AVX512(rows, cols, blocks, &x[0], ldx, &w[0], ldw, &out[0])
		},
		axpy: func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int) {
			asm.AxpyBFloat16AVX512(rows, n, blocks, &x[0], ldx, &w[0], ldw, &y[0], ldy)
		},
		widen: func(blocks int, dst []float32, w []byte) { asm.WidenBFloat16AVX512(blocks, &dst[0], &w[0]) },
	},
	int8: format{
		dot: func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32) {
			asm.DotInt8AVX512(rows, cols, blocks, &x[0], ldx, &w[0], ldw, &out[0])
		},
		axpy: func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int) {
			asm.AxpyInt8AVX512(rows, n, blocks, &x[0], ldx, &w[0], ldw, &y[0], ldy)
		},
		widen: func(blocks int, dst []float32, w []byte) { asm.WidenInt8AVX512(blocks, &dst[0], &w[0]) },
	},
}

var avx2 = kernels{
	name: "avx2", dotRows: 4, axpyRows: 2,
	bfloat16: format{
		dot: func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32) {
			asm.DotBFloat16AVX2(rows, cols, blocks, &x[0], ldx, &w[0], ldw, &out[0])
		},
		axpy: func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int) {
			asm.AxpyBFloat16AVX2(rows, n, blocks, &x[0], ldx, &w[0], ldw, &y[0], ldy)
		},
		widen: func(blocks int, dst []float32, w []byte) { asm.WidenBFloat16AVX2(blocks, &dst[0], &w[0]) },
	},
	int8: format{
		dot: func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32) {
			asm.DotInt8AVX2(rows, cols, blocks, &x[0], ldx, &w[0], ldw, &out[0])
		},
		axpy: func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int) {
			asm.AxpyInt8AVX2(rows, n, blocks, &x[0], ldx, &w[0], ldw, &y[0], ldy)
		},
		widen: func(blocks int, dst []float32, w []byte) { asm.WidenInt8AVX2(blocks, &dst[0], &w[0]) },
	},
}
