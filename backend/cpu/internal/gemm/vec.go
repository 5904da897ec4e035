package gemm

import "github.com/tiller-ml/tiller/backend/cpu/internal/pool"

// MulVec sets y = alpha*a*x + beta*y. It is fast where either stride of a is 1.
func MulVec(p *pool.Pool, y Vector, a Matrix, x Vector, alpha, beta float32) {
	a.check("MulVec")
	y.check("MulVec", a.Rows)
	x.check("MulVec", a.Cols)
	if a.Rows == 0 {
		return
	}
	if alpha == 0 || a.Cols == 0 {
		active.scaleMatrix(Matrix{y.Data, a.Rows, 1, y.Stride, 1}, beta)
		return
	}
	mulVec(p, y, a.canonical(), x, alpha, beta)
}

// mulVec is MulVec where there is something to sum.
func mulVec(p *pool.Pool, y Vector, a Matrix, x Vector, alpha, beta float32) {
	m, k := a.Rows, a.Cols
	c := Matrix{y.Data, m, 1, y.Stride, 1}
	j := newJob(c, a, Matrix{}, alpha, beta)
	defer j.done()
	j.x = x.Data
	if x.Stride != 1 {
		j.x = j.bufX.take(k)
		copyVector(j.x, x)
	}
	j.y = y.Data
	if y.Stride != 1 && m > 1 {
		j.y, j.beta = j.bufY.take(m), 0
	}
	task := j.rowsTask
	if a.RowStride == 1 && a.ColStride != 1 {
		task = j.colsTask
		if parts := deepPartsOf(m, k); parts > 1 {
			mulVecDeep(p, parts, j.y, a, j.x, alpha, j.beta)
			addStrided(c, j.y, y.Stride, beta)
			return
		}
	}
	// A product with a vector is bound by memory: a task needs fewer
	// multiplications to be worth its start.
	const perMul = 4
	var count int
	j.colStep, count = split(m, tasks(p, perMul*m*k, m), line)
	run(p, count, task)
	addStrided(c, j.y, y.Stride, beta)
}

// addStrided puts y where it belongs if the result is not contiguous.
func addStrided(c Matrix, y []float32, stride int, beta float32) {
	if stride != 1 && c.Rows > 1 {
		addTile(c, y, 1, beta)
	}
}

func copyVector(dst []float32, x Vector) {
	for i := range dst {
		dst[i] = x.Data[i*x.Stride]
	}
}

// vecRows computes some elements of y, each the product of a row of a and x.
func (j *job) vecRows(task int) {
	lo := task * j.colStep
	hi := min(lo+j.colStep, j.a.Rows)
	a, k := j.a, j.a.Cols
	if a.ColStride != 1 {
		j.vecStrided(lo, hi)
		return
	}
	for i := lo; i < hi; i += dotCols {
		j.kn.dotTile(1, min(dotCols, hi-i), k, j.x, k, a.Data[i*a.RowStride:], a.RowStride, j.y[i:], dotCols, j.alpha, j.beta, dotPrefetch{0, j.kn.lanes})
	}
}

// vecStrided is vecRows for rows that are not contiguous.
func (j *job) vecStrided(lo, hi int) {
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	row := s.a.take(j.a.Cols)
	for i := lo; i < hi; i++ {
		copyVector(row, Vector{j.a.Data[i*j.a.RowStride:], j.a.ColStride})
		j.kn.dotTile(1, 1, len(row), j.x, 0, row, 0, j.y[i:], 1, j.alpha, j.beta, dotPrefetch{})
	}
}

const (
	// axpyDepth is the number of columns of a that a pass over y adds.
	axpyDepth = 8
	// axpyStep is the number of elements of y that stay in the first-level cache.
	axpyStep = 4096
)

// vecCols computes some elements of y as a sum of multiples of a's columns.
func (j *job) vecCols(task int) {
	lo := task * j.colStep
	hi := min(lo+j.colStep, j.a.Rows)
	for ; lo < hi; lo += axpyStep {
		j.addCols(lo, min(lo+axpyStep, hi))
	}
}

func (j *job) addCols(lo, hi int) {
	y, a, k := j.y[lo:hi], j.a, j.a.Cols
	if j.beta != 1 {
		j.kn.scaleSome(y, j.beta)
	}
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	x := s.tile.take(axpyDepth)
	for p := 0; p < k; p += axpyDepth {
		cols := min(axpyDepth, k-p)
		for i, v := range j.x[p : p+cols] {
			x[i] = j.alpha * v
		}
		j.kn.axpyRows(cols, len(y), x, a.Data[p*a.ColStride+lo:], a.ColStride, y)
	}
}

// Dot returns the sum of x[i]*y[i] for the elements of x.
func Dot(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return active.dot(len(x), x, y[:len(x)])
}

// Axpy sets y = alpha*x + y for the elements of x.
func Axpy(alpha float32, x, y []float32) {
	if len(x) == 0 {
		return
	}
	s := scratches.GetOrNew()
	defer scratches.Put(s)
	factor := s.tile.take(1)
	factor[0] = alpha
	active.axpyRows(1, len(x), factor, x, 0, y[:len(x)])
}

// Scale sets x = alpha*x.
func Scale(alpha float32, x []float32) {
	if len(x) > 0 {
		active.scale(len(x), alpha, x)
	}
}
