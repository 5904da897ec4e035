package gemm

var generic = kernels{
	name: "generic",
	mr:   2, nr: 4, dotRows: 1, lanes: 4,
	mc: 128, kc: 256, nc: 4096,
	tile:      tileGeneric,
	dotTile:   dotTileGeneric,
	transpose: transposeGeneric,
	copyRows:  copyRowsGeneric,
	axpyRows:  axpyRowsGeneric,
	dot:       dotGeneric,
	scale:     scaleGeneric,
}

// tileGeneric keeps two rows of four sums; where there is one row, both are it.
func tileGeneric(rows, cols, k int, a, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, _ prefetch) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	for p := range k {
		a0, a1 := a[p*rows], a[p*rows+rows-1]
		row := b[p*ldb : p*ldb+4 : p*ldb+4]
		s00 += a0 * row[0]
		s01 += a0 * row[1]
		s02 += a0 * row[2]
		s03 += a0 * row[3]
		s10 += a1 * row[0]
		s11 += a1 * row[1]
		s12 += a1 * row[2]
		s13 += a1 * row[3]
	}
	sums := [2][4]float32{{s00, s01, s02, s03}, {s10, s11, s12, s13}}
	for i := range rows {
		merge(c[i*ldc:i*ldc+cols], sums[i][:cols], alpha, beta)
	}
}

// merge sets c = alpha*sums + beta*c, without reading c where beta is 0.
func merge(c, sums []float32, alpha, beta float32) {
	for j, s := range sums {
		if beta == 0 {
			c[j] = alpha * s
		} else {
			c[j] = alpha*s + beta*c[j]
		}
	}
}

// dotTileGeneric has one row.
func dotTileGeneric(_, cols, k int, a []float32, _ int, b []float32, ldb int, c []float32, _ int, alpha, beta float32, _ dotPrefetch) {
	var sums [dotCols]float32
	for j := range cols {
		sums[j] = dotGeneric(k, a, b[j*ldb:])
	}
	merge(c[:cols], sums[:cols], alpha, beta)
}

func transposeGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for i := range rows {
		for p, v := range src[i*lds : i*lds+cols] {
			dst[p*ldd+i] = v
		}
	}
}

func copyRowsGeneric(dst []float32, ldd int, src []float32, lds, rows, cols int) {
	for p := range rows {
		copy(dst[p*ldd:p*ldd+cols], src[p*lds:p*lds+cols])
	}
}

func axpyRowsGeneric(rows, n int, x, a []float32, lda int, y []float32) {
	y = y[:n]
	for i := range rows {
		xi, row := x[i], a[i*lda:i*lda+n]
		for j, v := range row {
			y[j] += xi * v
		}
	}
}

// dotGeneric keeps four sums, for speed and for precision.
func dotGeneric(n int, x, y []float32) float32 {
	var s0, s1, s2, s3 float32
	x, y = x[:n], y[:n]
	for len(x) >= 4 && len(y) >= 4 {
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
		x, y = x[4:], y[4:]
	}
	for i, v := range x {
		s0 += v * y[i]
	}
	return (s0 + s2) + (s1 + s3)
}

func scaleGeneric(n int, alpha float32, x []float32) {
	for i := range x[:n] {
		x[i] *= alpha
	}
}
