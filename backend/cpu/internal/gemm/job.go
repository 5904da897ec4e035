package gemm

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
)

// A job is one product while it runs: its operands, and the tasks it splits
// into. A task is a range of the result, so that how many there are changes
// nothing in it. Jobs are reused, with their method values, so that starting
// one allocates nothing.
type job struct {
	kn          *kernels
	c, a, b     Matrix
	alpha, beta float32
	rows        packedRows // a packed, where all tasks share it
	cols        []float32  // b packed
	x, y        []float32  // of a product with a vector
	rowStep     int        // rows of c in a task
	colStep     int        // columns of c in a task
	across      int        // tasks side by side

	packTask, blockTask, dotTask, tileTask, packedTask, rowsTask, colsTask func(int)

	bufA, bufB, bufX, bufY buffer
}

var jobs spare.List[job]

func spareJob() *job {
	if j := jobs.Get(); j != nil {
		return j
	}
	j := new(job)
	j.packTask, j.blockTask, j.packedTask = j.packSome, j.block, j.packedBlock
	j.dotTask, j.tileTask = j.thinDot, j.thinTile
	j.rowsTask, j.colsTask = j.vecRows, j.vecCols
	return j
}

func newJob(c, a, b Matrix, alpha, beta float32) *job {
	j := spareJob()
	j.kn, j.c, j.a, j.b, j.alpha, j.beta = active, c, a, b, alpha, beta
	return j
}

// done gives the job back, without the caller's memory.
func (j *job) done() {
	j.c, j.a, j.b = Matrix{}, Matrix{}, Matrix{}
	j.rows, j.cols, j.x, j.y = packedRows{}, nil, nil, nil
	jobs.Put(j)
}

const (
	// grain is the number of multiplications below which a task is not worth
	// the time it takes to wake a worker.
	grain = 1 << 18
	// spread is the number of tasks per worker: more than one, so that a
	// worker that is held up leaves its share to the others.
	spread = 4
)

// tasks returns how many tasks a product of the given number of
// multiplications is worth, at most most.
func tasks(p *pool.Pool, work, most int) int {
	w := p.Workers()
	if w == 1 {
		return 1
	}
	return max(1, min(work/grain, w*spread, most))
}

// split cuts n in at most parts steps that are multiples of unit, and returns
// the step and the number of steps.
func split(n, parts, unit int) (step, count int) {
	step = (n + parts - 1) / parts
	step = (step + unit - 1) / unit * unit
	return step, (n + step - 1) / step
}

// run runs f on tasks 0 to n-1.
func run(p *pool.Pool, n int, f func(int)) {
	if n == 1 {
		f(0)
		return
	}
	p.Do(n, f)
}

// part returns the block of the result that a task computes, given by its
// first element and its size.
func (j *job) part(task int) (row, col, rows, cols int) {
	row, col = task/j.across*j.rowStep, task%j.across*j.colStep
	return row, col, min(j.rowStep, j.c.Rows-row), min(j.colStep, j.c.Cols-col)
}
