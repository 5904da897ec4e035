package gemm

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/pool"
	"github.com/tiller-ml/tiller/backend/cpu/internal/spare"
)

const (
	// deepGrain is the number of elements of a that a part of a deep product
	// has at least, and deepParts that of parts at most.
	deepGrain = 1 << 16
	deepParts = 8
)

// A deepJob is a product of a matrix, the columns of which are contiguous, with
// a vector, where the result finds room in the first-level cache. Each part has
// columns of the matrix and a sum of its own, so that memory is read in the
// order in which it lies. The parts depend on the shape alone, and their sums
// are added in order.
type deepJob struct {
	kn    *kernels
	a     Matrix
	x     []float32
	alpha float32
	step  int       // columns of a part
	sums  []float32 // (parts, rows)
	run   func(part int)
	buf   buffer
	ones  [axpyDepth]float32
}

var deepJobs spare.List[deepJob]

func spareDeepJob() *deepJob {
	if j := deepJobs.Get(); j != nil {
		return j
	}
	j := new(deepJob)
	j.run = j.part
	for i := range j.ones {
		j.ones[i] = 1
	}
	return j
}

// deepPartsOf is the number of parts of a product of m by k, below two where it
// is no deep one.
func deepPartsOf(m, k int) int {
	if m > axpyStep {
		return 0
	}
	return min(m*k/deepGrain, deepParts)
}

// mulVecDeep sets y = alpha*a*x + beta*y in that many parts.
func mulVecDeep(p *pool.Pool, parts int, y []float32, a Matrix, x []float32, alpha, beta float32) {
	j := spareDeepJob()
	defer j.done()
	m := a.Rows
	j.kn, j.a, j.x, j.alpha = active, a, x, alpha
	j.step, parts = split(a.Cols, parts, axpyDepth)
	j.sums = j.buf.take(parts * m)
	p.Do(parts, j.run)
	if beta != 1 {
		j.kn.scaleSome(y[:m], beta)
	}
	j.kn.axpyRows(parts, m, j.ones[:], j.sums, m, y)
}

// done gives the job back, without the caller's memory.
func (j *deepJob) done() {
	j.a, j.x, j.sums = Matrix{}, nil, nil
	deepJobs.Put(j)
}

// part sums the products of some columns.
func (j *deepJob) part(part int) {
	m := j.a.Rows
	y := j.sums[part*m : (part+1)*m]
	clear(y)
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	x := s.tile.take(axpyDepth)
	for k, hi := part*j.step, min((part+1)*j.step, j.a.Cols); k < hi; k += axpyDepth {
		cols := min(axpyDepth, hi-k)
		for i, v := range j.x[k : k+cols] {
			x[i] = j.alpha * v
		}
		j.kn.axpyRows(cols, m, x, j.a.Data[k*j.a.ColStride:], j.a.ColStride, y)
	}
}
