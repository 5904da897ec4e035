package quant

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/tensor"
)

// blockLen is the number of weights that a kernel takes at a time.
const blockLen = tensor.BlockLen

// A Matrix is weights stored by rows: row i begins at byte i*Stride of Data. The
// rows of Int8 are whole blocks.
type Matrix struct {
	Data       []byte
	Format     tensor.DType // BFloat16 or Int8
	Rows, Cols int
	Stride     int
}

// whole is the number of blocks of a row that are full.
func (w Matrix) whole() int { return w.Cols / blockLen }

// inPlace is the number of blocks that kernels read where they lie: those of
// Int8 are filled up with zeros.
func (w Matrix) inPlace() int {
	if w.Format == tensor.Int8 && w.rest() > 0 {
		return w.whole() + 1
	}
	return w.whole()
}

// rest is the number of elements past them.
func (w Matrix) rest() int { return w.Cols % blockLen }

// blockBytes is the size of blockLen weights.
func (w Matrix) blockBytes() int { return w.Format.Bytes(blockLen) }

// row is the bytes of row i, and of those after it.
func (w Matrix) row(i int) []byte { return w.Data[i*w.Stride:] }

// check panics unless the shapes fit and w lies within its data. inner and outer
// are the columns of a and of c.
func (w Matrix) check(op string, c, a gemm.Matrix, inner, outer int) {
	if c.Rows != a.Rows || a.Cols != inner || c.Cols != outer {
		panic(&tensor.Error{Op: op, Shapes: [][]int{{c.Rows, c.Cols}, {a.Rows, a.Cols}, {w.Rows, w.Cols}}, Msg: "shapes do not fit"})
	}
	w.mustHold(op)
}

func (w Matrix) mustHold(op string) {
	n := w.Format.Bytes((w.Cols + w.Format.Block() - 1) / w.Format.Block() * w.Format.Block())
	if w.Rows > 0 && w.Cols > 0 && (w.Stride < 0 || (w.Rows-1)*w.Stride+n > len(w.Data)) {
		panic(&tensor.Error{Op: op, Shapes: [][]int{{w.Rows, w.Cols}}, Msg: "the weights reach past their data"})
	}
}

// Widen writes row i to dst, which has a row's length.
func (w Matrix) Widen(dst []float32, i int) {
	w.mustHold("quant.Widen")
	w.widen(active, dst[:w.Cols], i)
}

func (w Matrix) widen(kn *kernels, dst []float32, i int) {
	row, n := w.row(i), w.whole()
	f := kn.of(w.Format)
	if n > 0 {
		f.widen(n, dst, row)
	}
	if w.rest() == 0 {
		return
	}
	var tail [64]byte
	var last [blockLen]float32
	f.widen(1, last[:], w.tail(tail[:], row))
	copy(dst[n*blockLen:], last[:])
}

// tail is the last, incomplete block of a row, filled up with zeros: that of
// Int8 where it lies, that of bfloat16 in buf.
func (w Matrix) tail(buf, row []byte) []byte {
	at := w.whole() * w.blockBytes()
	if w.Format == tensor.Int8 {
		return row[at:]
	}
	clear(buf[copy(buf, row[at:at+2*w.rest()]):])
	return buf
}

// tails are the last blocks of n rows from row i on, and the distance between
// them.
func (w Matrix) tails(buf []byte, i, n int) (blocks []byte, stride int) {
	if w.Format == tensor.Int8 {
		return w.tail(nil, w.row(i)), w.Stride
	}
	size := w.blockBytes()
	for k := range n {
		w.tail(buf[k*size:(k+1)*size], w.row(i+k))
	}
	return buf, size
}
