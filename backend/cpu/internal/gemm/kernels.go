package gemm

// kernels are the inner loops for one instruction set, and the block sizes
// that suit them. Package asm gives the loops that the functions equal.
type kernels struct {
	name string

	mr, nr  int // rows and columns of a register tile
	dotRows int // rows of a tile of dot products, which has four columns
	lanes   int // elements of a vector, and rows of a strip that transpose takes

	// A block of a is mc by kc elements, and stays in the second-level cache;
	// a block of b is kc by nc, and stays in the third.
	mc, kc, nc int

	tile      func(rows, cols, k int, a, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next prefetch)
	dotTile   func(rows, cols, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, alpha, beta float32, next dotPrefetch)
	transpose func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	copyRows  func(dst []float32, ldd int, src []float32, lds, rows, cols int)
	axpyRows  func(rows, n int, x, a []float32, lda int, y []float32)
	dot       func(n int, x, y []float32) float32
	scale     func(n int, alpha float32, x []float32)
}

// A prefetch says what a tile fetches while it runs: a row of b's width from
// data on, and again step elements further with each of its terms.
type prefetch struct {
	data []float32
	step int
}

// A dotPrefetch says what a tile of dot products fetches while it runs of the
// four rows after those it uses: pace elements, from ahead on, for each vector.
type dotPrefetch struct{ ahead, pace int }

// dotCols is the number of columns of a tile of dot products.
const dotCols = 4

// active are the kernels that asm.ISA chose.
var active = available()[0]

// group returns the rows of the next register tile where rem rows are left.
// The last two tiles share what is left evenly, since a tile of few rows
// wastes the time it takes to read b.
func (kn *kernels) group(rem int) int {
	switch {
	case rem >= 2*kn.mr:
		return kn.mr
	case rem > kn.mr:
		return (rem + 1) / 2
	}
	return rem
}

// panels returns the number of panels of nr columns that cover n columns.
func (kn *kernels) panels(n int) int { return (n + kn.nr - 1) / kn.nr }
