package gemm

// A packedRows is a factor a as packRows leaves it.
type packedRows struct {
	data []float32
	k    int // elements of a row
}

// A panel is up to nr columns of b, with a distance of ld between their rows,
// and what is needed after it.
type panel struct {
	data []float32
	ld   int
	next []float32
}

// tiles sets c = alpha*a*b + beta*c for one panel, of the k rows of b from row
// k0 on.
func (kn *kernels) tiles(c Matrix, a packedRows, k0, k int, b panel, alpha, beta float32, tile *buffer) {
	for i, h := 0, 0; i < c.Rows; i += h {
		h = kn.group(c.Rows - i)
		pa := a.data[i*a.k+k0*h:]
		next := kn.fetch(b, i, h, c.Rows, k)
		if c.ColStride == 1 {
			kn.tile(h, c.Cols, k, pa, b.data, b.ld, c.Data[i*c.RowStride:], c.RowStride, alpha, beta, next)
			continue
		}
		t := tile.take(h * kn.nr)
		kn.tile(h, c.Cols, k, pa, b.data, b.ld, t, kn.nr, alpha, 0, next)
		addTile(c.slice(i, 0, h, c.Cols), t, kn.nr, beta)
	}
}

// fetch returns what the tile of rows i to i+h-1 of m fetches of the next
// panel: of a packed one as large a part as the tile has of the work. A panel
// read in place is fetched by the first tile.
func (kn *kernels) fetch(b panel, i, h, m, k int) prefetch {
	switch {
	case b.next == nil || b.ld != kn.nr && i > 0:
		return prefetch{b.data, 0}
	case b.ld != kn.nr:
		return prefetch{b.next, b.ld}
	}
	return prefetch{b.next[i*k/m*b.ld:], b.ld * h / m}
}

// addTile sets c = t + beta*c, t having rows of ld elements.
func addTile(c Matrix, t []float32, ld int, beta float32) {
	for i := range c.Rows {
		for j := range c.Cols {
			at := i*c.RowStride + j*c.ColStride
			if beta == 0 {
				c.Data[at] = t[i*ld+j]
			} else {
				c.Data[at] = t[i*ld+j] + beta*c.Data[at]
			}
		}
	}
}

// dotTiles sets c = alpha*a*b' + beta*c for at most four columns of c; a and
// b have rows of k elements, with distances of lda and ldb.
func (kn *kernels) dotTiles(c Matrix, k int, a []float32, lda int, b []float32, ldb int, alpha, beta float32, tile *buffer) {
	for i := 0; i < c.Rows; i += kn.dotRows {
		h := min(kn.dotRows, c.Rows-i)
		next := dotPrefetch{i * k / c.Rows, (h*kn.lanes + c.Rows - 1) / c.Rows}
		if c.ColStride == 1 {
			kn.dotTile(h, c.Cols, k, a[i*lda:], lda, b, ldb, c.Data[i*c.RowStride:], c.RowStride, alpha, beta, next)
			continue
		}
		t := tile.take(h * dotCols)
		kn.dotTile(h, c.Cols, k, a[i*lda:], lda, b, ldb, t, dotCols, alpha, 0, next)
		addTile(c.slice(i, 0, h, c.Cols), t, dotCols, beta)
	}
}

// scaleMatrix sets c = beta*c.
func (kn *kernels) scaleMatrix(c Matrix, beta float32) {
	if beta == 1 {
		return
	}
	if c.ColStride != 1 || c.Cols == 1 {
		c = c.T()
	}
	for i := range c.Rows {
		row := c.slice(i, 0, 1, c.Cols)
		if c.ColStride == 1 {
			kn.scaleSome(row.Data[:c.Cols], beta)
			continue
		}
		for j := range c.Cols {
			kn.scaleSome(row.Data[j*c.ColStride:][:1], beta)
		}
	}
}

// scaleSome sets x = beta*x, and x = 0 without reading it where beta is 0.
func (kn *kernels) scaleSome(x []float32, beta float32) {
	if beta == 0 {
		clear(x)
	} else if len(x) > 0 {
		kn.scale(len(x), beta, x)
	}
}
