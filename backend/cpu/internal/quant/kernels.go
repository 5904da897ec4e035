package quant

import "github.com/tiller-ml/tiller/tensor"

// kernels are the inner loops for one instruction set. Package asm gives the
// loops that the functions equal.
type kernels struct {
	name           string
	bfloat16, int8 format

	dotRows, axpyRows int // rows of a tile
}

// format are the inner loops for one way to store weights.
type format struct {
	dot   func(rows, cols, blocks int, x []float32, ldx int, w []byte, ldw int, out *[tileLen]float32)
	axpy  func(rows, n, blocks int, x []float32, ldx int, w []byte, ldw int, y []float32, ldy int)
	widen func(blocks int, dst []float32, w []byte)
}

// tileLen is the room that the sums of a tile need.
const tileLen = 64

// of are the loops for a dtype.
func (kn *kernels) of(d tensor.DType) *format {
	if d == tensor.Int8 {
		return &kn.int8
	}
	return &kn.bfloat16
}

// active are the kernels that asm.ISA chose. Only tests change it.
var active = available()[0]

// dotCols is the number of columns of a tile of so many rows.
func dotCols(rows int) int {
	if rows == 1 {
		return tileLen
	}
	return 2
}

// group is the rows of the next tile where rem rows are left and a tile has at
// most most: the last two share what is left.
func group(rem, most int) int {
	switch {
	case rem >= 2*most:
		return most
	case rem > most:
		return (rem + 1) / 2
	}
	return rem
}
