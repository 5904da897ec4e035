//go:build !noasm

package gemm

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
	name: "avx512",
	mr:   14, nr: 32, dotRows: 4, lanes: 16,
	mc: 14 * 16, kc: 384, nc: 4096,
	tile: func(rows, cols, k int, a, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next prefetch) {
		asm.TileAVX512(rows, cols, k, &a[0], &b[0], ldb, &c[0], ldc, alpha, beta, &next.data[0], next.step)
	},
	dotTile: func(rows, cols, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next dotPrefetch) {
		asm.DotTileAVX512(rows, cols, k, &a[0], lda, &b[0], ldb, &c[0], ldc, alpha, beta, next.ahead, next.pace)
	},
	transpose: func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
		asm.TransposeAVX512(&dst[0], ldd, &src[0], lds, rows, cols)
	},
	copyRows: func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
		asm.CopyRowsAVX512(&dst[0], ldd, &src[0], lds, rows, cols)
	},
	axpyRows: func(rows, n int, x, a []float32, lda int, y []float32) {
		asm.AxpyRowsAVX512(rows, n, &x[0], &a[0], lda, &y[0])
	},
	dot:   func(n int, x, y []float32) float32 { return asm.DotAVX512(n, &x[0], &y[0]) },
	scale: func(n int, alpha float32, x []float32) { asm.ScaleAVX512(n, alpha, &x[0]) },
}

var avx2 = kernels{
	name: "avx2",
	mr:   6, nr: 16, dotRows: 3, lanes: 8,
	mc: 6 * 24, kc: 256, nc: 4096,
	tile: func(rows, cols, k int, a, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next prefetch) {
		asm.TileAVX2(rows, cols, k, &a[0], &b[0], ldb, &c[0], ldc, alpha, beta, &next.data[0], next.step)
	},
	dotTile: func(rows, cols, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next dotPrefetch) {
		asm.DotTileAVX2(rows, cols, k, &a[0], lda, &b[0], ldb, &c[0], ldc, alpha, beta, next.ahead, next.pace)
	},
	transpose: func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
		asm.TransposeAVX2(&dst[0], ldd, &src[0], lds, rows, cols)
	},
	copyRows: func(dst []float32, ldd int, src []float32, lds, rows, cols int) {
		asm.CopyRowsAVX2(&dst[0], ldd, &src[0], lds, rows, cols)
	},
	axpyRows: func(rows, n int, x, a []float32, lda int, y []float32) {
		asm.AxpyRowsAVX2(rows, n, &x[0], &a[0], lda, &y[0])
	},
	dot:   func(n int, x, y []float32) float32 { return asm.DotAVX2(n, &x[0], &y[0]) },
	scale: func(n int, alpha float32, x []float32) { asm.ScaleAVX2(n, alpha, &x[0]) },
}
