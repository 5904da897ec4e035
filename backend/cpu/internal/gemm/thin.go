package gemm

import "github.com/tiller-ml/tiller/backend/cpu/internal/pool"

// thinRows is the number of rows up to which reading b in place beats packing it.
const thinRows = 32

// smallSize is the number of elements of both factors up to which b is read in
// place whatever the rows.
const smallSize = 1 << 16

// dotDepth is the number of terms that a pass of thinDot adds up: the rows of
// a then stay in the second-level cache while b passes by.
const dotDepth = 2048

const (
	// cached is the number of elements of b that the second-level cache holds.
	cached = 1 << 18
	// placeDepth is the number of rows of a larger b that thinTile reads side
	// by side: as many as the hardware follows, and few enough to find room
	// in the caches where they are a power of two apart.
	placeDepth = 64
)

// mulThinDot multiplies few rows by a b whose columns lie along k.
func mulThinDot(p *pool.Pool, c, a, b Matrix, alpha, beta float32) {
	j := newJob(c, a, b, alpha, beta)
	defer j.done()
	if a.ColStride != 1 {
		data := j.bufA.take(a.Rows * a.Cols)
		j.kn.copyRowMajor(data, a)
		j.a = RowMajor(data, a.Rows, a.Cols)
	}
	j.rowStep, j.across = c.Rows, 1
	n := c.Cols
	j.colStep, j.across = split(n, tasks(p, n*c.Rows*a.Cols, n), line)
	run(p, j.across, j.dotTask)
}

func (j *job) thinDot(task int) {
	_, col, rows, cols := j.part(task)
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	a, b, beta, all := j.a, j.b, j.beta, j.a.Cols
	depth := evenly(all, dotDepth, line)
	for k0 := 0; k0 < all; k0 += depth {
		k := min(depth, all-k0)
		for i := col; i < col+cols; i += dotCols {
			c := j.c.slice(0, i, rows, min(dotCols, col+cols-i))
			j.kn.dotTiles(c, k, a.Data[k0:], a.RowStride, b.Data[i*b.ColStride+k0:], b.ColStride, j.alpha, beta, &s.tile)
		}
		beta = 1
	}
}

// mulThinTile multiplies few rows by a b whose rows are contiguous.
func mulThinTile(p *pool.Pool, c, a, b Matrix, alpha, beta float32) {
	j := newJob(c, a, b, alpha, beta)
	defer j.done()
	j.packThinRows()
	n := c.Cols
	j.rowStep = c.Rows
	j.colStep, j.across = split(n, tasks(p, n*c.Rows*a.Cols, n), j.kn.nr)
	run(p, j.across, j.tileTask)
}

// packThinRows packs all of j.a, as j.rows.
func (j *job) packThinRows() {
	j.rows = packedRows{j.bufA.take(j.a.Rows * j.a.Cols), j.a.Cols}
	j.kn.packRows(j.rows.data, j.a)
}

func (j *job) thinTile(task int) {
	_, col, rows, cols := j.part(task)
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	kn, b, beta, all := j.kn, j.b, j.beta, j.b.Rows
	depth := kn.kc
	if all*b.Cols > cached {
		depth = placeDepth
	}
	depth = evenly(all, depth, 4)
	for k0 := 0; k0 < all; k0 += depth {
		k := min(depth, all-k0)
		for i := col; i < col+cols; i += kn.nr {
			w := min(kn.nr, col+cols-i)
			columns := b.slice(k0, i, k, w)
			from := panel{data: columns.Data, ld: b.RowStride}
			if w < kn.nr {
				from = panel{data: s.b.take(k * kn.nr), ld: kn.nr}
				kn.packPanel(from.data, kn.nr, columns)
			} else if i+2*kn.nr <= b.Cols {
				from.next = columns.Data[kn.nr:]
			}
			kn.tiles(j.c.slice(0, i, rows, w), j.rows, k0, k, from, j.alpha, beta, &s.tile)
		}
		beta = 1
	}
}
