package gemm

import "github.com/tiller-ml/tiller/backend/cpu/internal/pool"

// Mul sets c = alpha*a*b + beta*c. Any strides serve; a result without a unit
// stride goes through a register tile's worth of scratch memory.
func Mul(p *pool.Pool, c, a, b Matrix, alpha, beta float32) {
	checkMul("Mul", c, a, b)
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	if alpha == 0 || a.Cols == 0 {
		active.scaleMatrix(c, beta)
		return
	}
	c, a, b = c.canonical(), a.canonical(), b.canonical()
	if c.ColStride != 1 && c.RowStride == 1 {
		c, a, b = c.T(), b.T(), a.T()
	}
	switch {
	case c.Cols == 1:
		mulVec(p, Vector{c.Data, c.RowStride}, a, Vector{b.Data, b.RowStride}, alpha, beta)
	case c.Rows == 1:
		mulVec(p, Vector{c.Data, c.ColStride}, b.T(), Vector{a.Data, a.ColStride}, alpha, beta)
	case c.Rows <= thinRows && b.RowStride == 1:
		mulThinDot(p, c, a, b, alpha, beta)
	case b.ColStride == 1 && (c.Rows <= thinRows || max(c.Rows, c.Cols)*b.Rows <= smallSize):
		mulThinTile(p, c, a, b, alpha, beta)
	default:
		mulBlocked(p, c, a, b, alpha, beta)
	}
}

// evenly returns n in as few steps of at most most as possible, of about the
// same size, multiples of unit.
func evenly(n, most, unit int) int {
	step, _ := split(n, (n+most-1)/most, unit)
	return step
}

// mulBlocked packs a block of b, then, task by task, blocks of a, and
// multiplies them: the loops of Goto and van de Geijn (2008), "Anatomy of
// high-performance matrix multiplication".
func mulBlocked(p *pool.Pool, c, a, b Matrix, alpha, beta float32) {
	j := newJob(c, a, b, alpha, beta)
	defer j.done()
	kn := j.kn
	k, n := a.Cols, c.Cols
	kc, nc := evenly(k, kn.kc, 4), evenly(n, kn.nc, kn.nr)
	for col := 0; col < n; col += nc {
		w := min(nc, n-col)
		j.c = c.slice(0, col, c.Rows, w)
		j.beta = beta
		for k0 := 0; k0 < k; k0 += kc {
			kb := min(kc, k-k0)
			j.a, j.b = a.slice(0, k0, a.Rows, kb), b.slice(k0, col, kb, w)
			j.pack(p, &j.bufB)
			j.multiplyBlocks(p)
			j.beta = 1
		}
	}
}

// pack packs j.b into buf, as j.cols.
func (j *job) pack(p *pool.Pool, buf *buffer) {
	j.cols = buf.take(j.kn.panels(j.b.Cols) * j.kn.nr * j.b.Rows)
	j.packInto(p)
}

// packInto packs j.b into j.cols.
func (j *job) packInto(p *pool.Pool) {
	const perMul = 16 // packing an element takes as long as so many multiplications
	n := j.b.Cols
	step, count := split(n, tasks(p, perMul*n*j.b.Rows, j.kn.panels(n)), j.kn.nr)
	j.colStep = step
	run(p, count, j.packTask)
}

func (j *job) packSome(task int) {
	col := task * j.colStep
	b := j.b.slice(0, col, j.b.Rows, min(j.colStep, j.b.Cols-col))
	j.kn.packCols(j.cols[col*j.b.Rows:], b)
}

// multiplyBlocks multiplies j.a by the packed j.cols. Tasks are blocks of
// rows; where there are too few, blocks of columns too, at the price of
// packing the rows once for each.
func (j *job) multiplyBlocks(p *pool.Pool) {
	m, n := j.c.Rows, j.c.Cols
	want := tasks(p, m*n*j.a.Cols, m*n)
	var down int
	j.rowStep, down = split(m, max((m+j.kn.mc-1)/j.kn.mc, min(want, m/(2*j.kn.mr))), 1)
	j.colStep, j.across = split(n, (want+down-1)/down, j.kn.nr)
	run(p, down*j.across, j.blockTask)
}

func (j *job) block(task int) {
	row, col, rows, cols := j.part(task)
	kn, k := j.kn, j.a.Cols
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	a := packedRows{s.a.take(rows * k), k}
	kn.packRows(a.data, j.a.slice(row, 0, rows, k))
	for end := col + cols; col < end; col += kn.nr {
		c := j.c.slice(row, col, rows, min(kn.nr, end-col))
		kn.tiles(c, a, 0, k, panel{data: j.cols[col*k:], ld: kn.nr}, j.alpha, j.beta, &s.tile)
	}
}
