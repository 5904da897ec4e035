package quant

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
)

const (
	// axpyDepth is the number of rows of weights that a pass over the result
	// adds: as many as the hardware follows.
	axpyDepth = 8
	// fewParts and mostParts are the numbers of parts in which the rows of
	// weights are summed, manyWeights what is worth another of them: each part
	// begins with weights that nobody fetched before.
	fewParts, mostParts = 4, 8
	manyWeights         = 1 << 20
)

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
	j := spareAxpyJob()
	defer j.done()
	j.start(c, a, w)
	p.Do(j.parts, j.task)
	for i := range c.Rows {
		j.store(c, i, accumulate)
	}
}

// An axpyJob is a Mul of few rows while it runs. Each part has rows of weights
// and a sum of its own: the sums are added in order, so that the bits depend on
// the shapes alone. It is used again as a dotJob is.
type axpyJob struct {
	kn          *kernels
	rows        int // M
	w           Matrix
	parts, step int // rows of weights of a part
	blocks      int // of w that are read in place
	x           []float32
	ldx         int
	y           []float32 // (parts, M, K), each row filled up to whole blocks
	ldy         int
	task        func(part int)
	room        scratch
}

var axpyJobs spare.List[axpyJob]

func spareAxpyJob() *axpyJob {
	j := axpyJobs.Get()
	if j == nil {
		j = new(axpyJob)
		j.task = j.add
	}
	j.kn = active
	return j
}

// done gives the job back, without the caller's memory.
func (j *axpyJob) done() {
	j.w, j.x = Matrix{}, nil
	axpyJobs.Put(j)
}

func (j *axpyJob) start(c, a gemm.Matrix, w Matrix) {
	j.rows, j.w, j.blocks = c.Rows, w, w.inPlace()
	all := w.Rows * w.Cols
	parts := max(1, min(all*(c.Rows+3)/4/grain, max(fewParts, min(all/manyWeights, mostParts))))
	j.step = (w.Rows + parts - 1) / parts
	j.step = (j.step + axpyDepth - 1) / axpyDepth * axpyDepth
	j.parts = (w.Rows + j.step - 1) / j.step
	j.ldy = paddedRow(w.Cols)
	room := j.room.take(a.Rows*a.Cols + j.parts*j.rows*j.ldy)
	j.x, j.ldx = rowMajor(a, room[:a.Rows*a.Cols])
	j.y = room[a.Rows*a.Cols:]
}

// sum is row i of a part's sum.
func (j *axpyJob) sum(part, i int) []float32 {
	return j.y[(part*j.rows+i)*j.ldy:]
}

// add computes the sum of a part.
func (j *axpyJob) add(part int) {
	t := tiles.GetOrNew()
	defer tiles.Put(t)
	f := j.kn.of(j.w.Format)
	y := j.sum(part, 0)[:j.rows*j.ldy]
	clear(y)
	for p, hi := part*j.step, min((part+1)*j.step, j.w.Rows); p < hi; p += axpyDepth {
		depth := min(axpyDepth, hi-p)
		for i, n := 0, 0; i < j.rows; i += n {
			n = group(j.rows-i, j.kn.axpyRows)
			if j.blocks > 0 {
				f.axpy(n, depth, j.blocks, j.x[i*j.ldx+p:], j.ldx, j.w.row(p), j.w.Stride, y[i*j.ldy:], j.ldy)
			}
			if j.blocks*blockLen < j.w.Cols {
				w, stride := j.w.tails(t.tail[:], p, depth)
				f.axpy(n, depth, 1, j.x[i*j.ldx+p:], j.ldx, w, stride, y[i*j.ldy+j.blocks*blockLen:], j.ldy)
			}
		}
	}
}

// store adds up row i of the parts and writes it.
func (j *axpyJob) store(c gemm.Matrix, i int, accumulate bool) {
	sum := j.sum(0, i)[:c.Cols]
	for part := 1; part < j.parts; part++ {
		vec.Add(sum, sum, j.sum(part, i)[:c.Cols])
	}
	to := c.Data[i*c.RowStride:]
	if c.ColStride == 1 {
		to = to[:c.Cols]
		if accumulate {
			vec.Add(to, to, sum)
		} else {
			copy(to, sum)
		}
		return
	}
	for k, v := range sum {
		if accumulate {
			v += to[k*c.ColStride]
		}
		to[k*c.ColStride] = v
	}
}
