package quant

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
)

// axpyDepth is the number of rows of weights that a pass over the result adds:
// as many as the hardware follows.
const axpyDepth = 8

// Mul sets c = a w, or c += a w: w (N, K), a (M, N), c (M, K).
func Mul(p *pool.Pool, c, a gemm.Matrix, w Matrix, accumulate bool) {
	w.check("quant.Mul", c, a, w.Rows, w.Cols)
	if c.Rows == 0 || c.Cols == 0 {
		return
	}
	if w.Rows == 0 {
		zero(c, accumulate)
		return
	}
	if c.Rows > thinRows {
		mulWide(p, c, a, w, accumulate)
		return
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	m, n, k := a.Rows, w.Rows, w.Cols
	room := s.take(m*n + m*k + m*blockLen)
	j := &axpyJob{kn: active, rows: m, w: w, tail: room[m*(n+k):]}
	j.x, j.ldx = rowMajor(a, room[:m*n])
	j.y, j.ldy = c.Data, c.RowStride
	inPlace := c.ColStride == 1 || c.Cols == 1
	if !inPlace {
		j.y, j.ldy = room[m*n:m*(n+k)], k
	}
	if !inPlace || !accumulate {
		zero(gemm.Matrix{Data: j.y, Rows: m, Cols: k, RowStride: j.ldy, ColStride: 1}, false)
	}
	blocks := (k + blockLen - 1) / blockLen
	step, count := split(p, n*k*(m+3)/4, blocks, 1)
	p.Do(count, func(task int) { j.blocks(task*step, min((task+1)*step, blocks)) })
	if !inPlace {
		add(c, j.y, j.ldy, accumulate)
	}
}

// add sets c = y, or c += y, for y with rows ldy apart.
func add(c gemm.Matrix, y []float32, ldy int, accumulate bool) {
	for i := range c.Rows {
		for k := range c.Cols {
			at := i*c.RowStride + k*c.ColStride
			if accumulate {
				c.Data[at] += y[i*ldy+k]
			} else {
				c.Data[at] = y[i*ldy+k]
			}
		}
	}
}

// An axpyJob is a Mul of few rows while it runs.
type axpyJob struct {
	kn   *kernels
	rows int
	w    Matrix
	x    []float32 // (M, N) with rows ldx apart
	ldx  int
	y    []float32 // (M, K) with rows ldy apart, to be added to
	ldy  int
	tail []float32 // (M, 32): the incomplete block of y
}

// blocks computes the columns of blocks lo to hi.
func (j *axpyJob) blocks(lo, hi int) {
	if n := min(hi, j.w.whole()) - lo; n > 0 {
		for p := 0; p < j.w.Rows; p += axpyDepth {
			depth := min(axpyDepth, j.w.Rows-p)
			j.add(p, depth, n, j.w.row(p)[lo*j.w.blockBytes():], j.w.Stride, j.y[lo*blockLen:], j.ldy)
		}
	}
	if hi > j.w.whole() {
		j.last()
	}
}

// add adds multiples of rows p to p+depth of weights, blocks blocks of each, to
// y.
func (j *axpyJob) add(p, depth, blocks int, w []byte, stride int, y []float32, ldy int) {
	f := j.kn.of(j.w.Format)
	for i, n := 0, 0; i < j.rows; i += n {
		n = group(j.rows-i, j.kn.axpyRows)
		f.axpy(n, depth, blocks, j.x[i*j.ldx+p:], j.ldx, w, stride, y[i*ldy:], ldy)
	}
}

// last computes the columns of the incomplete block.
func (j *axpyJob) last() {
	var buf [axpyDepth * 64]byte
	clear(j.tail)
	for p := 0; p < j.w.Rows; p += axpyDepth {
		depth := min(axpyDepth, j.w.Rows-p)
		w, stride := j.w.tails(buf[:], p, depth)
		j.add(p, depth, 1, w, stride, j.tail, blockLen)
	}
	n := j.w.rest()
	for i := range j.rows {
		y := j.y[i*j.ldy+j.w.Cols-n:][:n]
		for k, v := range j.tail[i*blockLen:][:n] {
			y[k] += v
		}
	}
}
