package gemm

import "github.com/tiller-ml/tiller/backend/cpu/internal/pool"

// Packed is a right-hand factor b kept in panels of columns, each with its
// rows one after the other, for use in many products. Products may share it;
// Reset must not run beside them.
type Packed struct {
	Rows, Cols int // of b

	kn  *kernels
	buf buffer
}

// Pack packs b, which may change or go afterwards.
func Pack(p *pool.Pool, b Matrix) *Packed {
	packed := new(Packed)
	packed.Reset(p, b)
	return packed
}

// Reset packs b in place of what was there, in the same memory if that is
// large enough.
func (b *Packed) Reset(p *pool.Pool, from Matrix) {
	from.check("Packed.Reset")
	b.Rows, b.Cols, b.kn = from.Rows, from.Cols, active
	if b.Rows == 0 || b.Cols == 0 {
		return
	}
	j := newJob(Matrix{}, Matrix{}, from.canonical(), 1, 0)
	defer j.done()
	j.pack(p, &b.buf)
}

// shape returns a matrix of b's shape, without data.
func (b *Packed) shape() Matrix { return Matrix{Rows: b.Rows, Cols: b.Cols} }

// newJob returns the job of c = a*b + beta*c.
func (b *Packed) newJob(c, a Matrix, beta float32) *job {
	j := newJob(c, a.canonical(), b.shape(), 1, beta)
	j.kn, j.cols = b.kn, b.buf.data
	return j
}

// Panels returns the number of panels, each of some columns of b.
func (b *Packed) Panels() int { return b.kn.panels(b.Cols) }

// Mul sets c = a*b + beta*c.
func (b *Packed) Mul(p *pool.Pool, c, a Matrix, beta float32) {
	b.check("Packed.Mul", c, a)
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	if b.Rows == 0 {
		b.kn.scaleMatrix(c, beta)
		return
	}
	j := b.newJob(c, a, beta)
	defer j.done()
	m, n := c.Rows, c.Cols
	work := m * n * b.Rows
	if m <= thinRows {
		j.packThinRows()
		j.rowStep = m
		j.colStep, j.across = split(n, tasks(p, work, n), j.kn.nr)
		run(p, j.across, j.packedTask)
		return
	}
	want := tasks(p, work, m*n)
	down := 0
	j.rowStep, down = split(m, max(1, m*b.Rows/residentRows, min(want, m/(2*j.kn.mr))), 1)
	j.colStep, j.across = split(n, (want+down-1)/down, j.kn.nr)
	run(p, down*j.across, j.packedTask)
}

// residentRows is the number of elements of packed rows that stay in the
// second-level cache while b passes by.
const residentRows = 1 << 17

// MulRange sets the columns of c in panels lo to hi-1 to those of a*b + beta*c.
// It is for callers that share out panels among tasks of their own.
func (b *Packed) MulRange(c, a Matrix, beta float32, lo, hi int) {
	if lo < 0 || hi < lo || hi > b.Panels() {
		panic(RangeError{lo, hi, b.Panels()})
	}
	b.check("Packed.MulRange", c, a)
	first := lo * b.kn.nr
	c = c.slice(0, first, c.Rows, min(hi*b.kn.nr, b.Cols)-first)
	if c.Rows == 0 || c.Cols <= 0 {
		return
	}
	if b.Rows == 0 {
		b.kn.scaleMatrix(c, beta)
		return
	}
	j := b.newJob(c, a, beta)
	defer j.done()
	j.packThinRows()
	j.multiplyPanels(j.rows, c, first)
}

func (b *Packed) check(op string, c, a Matrix) {
	checkShapes(op, c, a, b.shape())
	c.check(op)
	a.check(op)
}

func (j *job) packedBlock(task int) {
	row, col, rows, cols := j.part(task)
	c := j.c.slice(row, col, rows, cols)
	if j.rows.data != nil {
		j.multiplyPanels(j.rows, c, col)
		return
	}
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	a := packedRows{s.a.take(rows * j.a.Cols), j.a.Cols}
	j.kn.packRows(a.data, j.a.slice(row, 0, rows, j.a.Cols))
	j.multiplyPanels(a, c, col)
}

// multiplyPanels computes c from the columns of b from col on, panel by
// panel, each in pieces that stay in the first-level cache for all rows.
func (j *job) multiplyPanels(a packedRows, c Matrix, col int) {
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	kn, all := j.kn, j.b.Rows
	depth := evenly(all, kn.kc, 4)
	for i := 0; i < c.Cols; i += kn.nr {
		packed := j.cols[(col+i)*all:]
		piece := c.slice(0, i, c.Rows, min(kn.nr, c.Cols-i))
		beta := j.beta
		for k0 := 0; k0 < all; k0 += depth {
			k := min(depth, all-k0)
			b := panel{data: packed[k0*kn.nr:], ld: kn.nr}
			if b.next = b.data[k*kn.nr:]; len(b.next) < k*kn.nr {
				b.next = nil
			}
			kn.tiles(piece, a, k0, k, b, j.alpha, beta, &s.tile)
			beta = 1
		}
	}
}
