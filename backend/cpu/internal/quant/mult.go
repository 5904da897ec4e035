package quant

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
)

// grain is the number of weights that are worth a task of their own, spread
// that of tasks for each worker: more than one, so that a worker that is held
// up leaves its share to the others.
const (
	grain  = 1 << 16
	spread = 4
)

// split cuts n in parts that are worth a task each, multiples of unit, given the
// work of all, and returns the step and the number of parts.
func split(p *pool.Pool, work, n, unit int) (step, count int) {
	parts := 1
	if w := p.Workers(); w > 1 {
		parts = max(1, min(work/grain, spread*w))
	}
	step = max(unit, ((n+parts-1)/parts+unit-1)/unit*unit)
	return step, (n + step - 1) / step
}

// A scratch is memory that a product needs besides.
type scratch struct{ data []float32 }

var scratches spare.List[scratch]

// take returns n numbers with any content.
func (s *scratch) take(n int) []float32 {
	if cap(s.data) < n {
		s.data = make([]float32, n)
	}
	return s.data[:n]
}

// MulT sets c = a w^T, or c += a w^T: w (N, K), a (M, K), c (M, N).
func MulT(p *pool.Pool, c, a gemm.Matrix, w Matrix, accumulate bool) {
	w.check("quant.MulT", c, a, w.Cols, w.Rows)
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	if w.Cols == 0 {
		zero(c, accumulate)
		return
	}
	if c.Rows > thinRows {
		mulTWide(p, c, a, w, accumulate)
		return
	}
	j := spareDotJob()
	defer j.done()
	j.c, j.w, j.accumulate, j.blocks = c, w, accumulate, w.inPlace()
	j.fill(a)
	var count int
	j.step, count = split(p, w.Rows*w.Cols*(a.Rows+3)/4, w.Rows, 4)
	p.Do(count, j.task)
}

// rowMajor is a with dense rows: itself, or a copy in room.
func rowMajor(a gemm.Matrix, room []float32) (data []float32, stride int) {
	if a.ColStride == 1 || a.Cols == 1 {
		return a.Data, a.RowStride
	}
	for i := range a.Rows {
		copyRow(room[i*a.Cols:(i+1)*a.Cols], a, i)
	}
	return room, a.Cols
}

// zero is a product without terms.
func zero(c gemm.Matrix, accumulate bool) {
	if accumulate {
		return
	}
	for i := range c.Rows {
		for j := range c.Cols {
			c.Data[i*c.RowStride+j*c.ColStride] = 0
		}
	}
}

// A dotJob is a MulT of few rows while it runs. It is used again, with its
// memory and its method value, so that a product allocates nothing.
type dotJob struct {
	kn         *kernels
	c          gemm.Matrix
	w          Matrix
	accumulate bool
	blocks     int       // of w that are read in place
	x          []float32 // a, its rows filled up with zeros, ldx apart
	ldx        int
	step       int // columns of c in a task
	task       func(task int)
	room       scratch
}

var dotJobs spare.List[dotJob]

func spareDotJob() *dotJob {
	j := dotJobs.Get()
	if j == nil {
		j = new(dotJob)
		j.task = j.some
	}
	j.kn = active
	return j
}

// done gives the job back, without the caller's memory.
func (j *dotJob) done() {
	j.c, j.w = gemm.Matrix{}, Matrix{}
	dotJobs.Put(j)
}

// some computes the columns of a task.
func (j *dotJob) some(task int) {
	j.columns(task*j.step, min((task+1)*j.step, j.w.Rows))
}

// paddedRow is the distance between rows of n elements in scratch memory: whole
// blocks, and a cache line more, so that it is no power of two and the rows find
// room in the first-level cache beside one another.
func paddedRow(n int) int { return (n+blockLen-1)/blockLen*blockLen + 16 }

// fill copies a.
func (j *dotJob) fill(a gemm.Matrix) {
	j.ldx = paddedRow(a.Cols)
	j.x = j.room.take(a.Rows * j.ldx)
	for i := range a.Rows {
		row := j.x[i*j.ldx : (i+1)*j.ldx]
		copyRow(row, a, i)
		clear(row[a.Cols:])
	}
}

// copyRow copies row i of a.
func copyRow(dst []float32, a gemm.Matrix, i int) {
	if a.ColStride == 1 {
		copy(dst, a.Data[i*a.RowStride:i*a.RowStride+a.Cols])
		return
	}
	for k := range a.Cols {
		dst[k] = a.Data[i*a.RowStride+k*a.ColStride]
	}
}

// A dotTile is the memory of one task.
type dotTile struct {
	tail       [tileLen * 64]byte // the incomplete blocks of a tile's weights
	sums, more [tileLen]float32   // over the whole blocks, and over the others
}

var tiles spare.List[dotTile]

// columns computes columns lo to hi of c, tile by tile: the weights of a tile
// are read from memory once, for all rows.
func (j *dotJob) columns(lo, hi int) {
	t := tiles.GetOrNew()
	defer tiles.Put(t)
	clear(t.sums[:])
	clear(t.more[:])
	wide := dotCols(j.c.Rows)
	for ; lo < hi; lo += wide {
		cols := min(wide, hi-lo)
		tail, stride := []byte(nil), 0
		if j.blocks*blockLen < j.w.Cols {
			tail, stride = j.w.tails(t.tail[:], lo, cols)
		}
		for i, n := 0, 0; i < j.c.Rows; i += n {
			n = group(j.c.Rows-i, j.kn.dotRows)
			j.sum(t, i, n, lo, cols, tail, stride)
			j.store(t, i, n, lo, cols)
		}
	}
}

// sum computes rows i to i+n and some columns from col on.
func (j *dotJob) sum(t *dotTile, i, n, col, cols int, tail []byte, stride int) {
	f := j.kn.of(j.w.Format)
	if j.blocks > 0 {
		f.dot(n, cols, j.blocks, j.x[i*j.ldx:], j.ldx, j.w.row(col), j.w.Stride, &t.sums)
	}
	if tail != nil {
		f.dot(n, cols, 1, j.x[i*j.ldx+j.blocks*blockLen:], j.ldx, tail, stride, &t.more)
	}
}

// store writes rows i to i+n of some columns from col on.
func (j *dotJob) store(t *dotTile, i, n, col, cols int) {
	wide := dotCols(n)
	if wide == 2 && cols == 2 && j.c.ColStride == 1 {
		j.storePairs(t, n, j.c.Data[i*j.c.RowStride+col:])
		return
	}
	for r := range n {
		to := j.c.Data[(i+r)*j.c.RowStride+col*j.c.ColStride:]
		for k := range cols {
			v := t.sums[r*wide+k] + t.more[r*wide+k]
			if j.accumulate {
				v += to[k*j.c.ColStride]
			}
			to[k*j.c.ColStride] = v
		}
	}
}

// storePairs is store for two columns side by side, from to on.
func (j *dotJob) storePairs(t *dotTile, n int, to []float32) {
	sums, more := t.sums[:2*n], t.more[:2*n]
	for r, at := 0, 0; r < n; r, at = r+1, at+j.c.RowStride {
		v, w := sums[2*r]+more[2*r], sums[2*r+1]+more[2*r+1]
		pair := to[at : at+2 : at+2]
		if j.accumulate {
			v, w = v+pair[0], w+pair[1]
		}
		pair[0], pair[1] = v, w
	}
}
