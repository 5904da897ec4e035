package gemm

// DotRows sets dst[i] to the sum of x[k]*a[i*stride+k] over the elements of x:
// a few rows of a matrix times a vector, on the caller's thread.
func DotRows(dst, x, a []float32, stride int) {
	k := len(x)
	if k == 0 {
		clear(dst)
		return
	}
	for i := 0; i < len(dst); i += dotCols {
		active.dotTile(1, min(dotCols, len(dst)-i), k, x, k, a[i*stride:], stride, dst[i:], dotCols, 1, 0, dotPrefetch{})
	}
}

// AddRows adds x[i] times row i of a, from a[i*stride] on, to y for all i.
func AddRows(y, x, a []float32, stride int) {
	if len(y) == 0 {
		return
	}
	for i := 0; i < len(x); i += axpyDepth {
		active.axpyRows(min(axpyDepth, len(x)-i), len(y), x[i:], a[i*stride:], stride, y)
	}
}
