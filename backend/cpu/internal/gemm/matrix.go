package gemm

import "fmt"

// A Matrix is a strided view: element (i, j) is Data[i*RowStride+j*ColStride].
// Strides are not negative. Those of a result must give every element a place
// of its own.
type Matrix struct {
	Data                 []float32
	Rows, Cols           int
	RowStride, ColStride int
}

// A Vector is a strided view: element i is Data[i*Stride]. Its length is that
// which the operation needs. Stride is not negative.
type Vector struct {
	Data   []float32
	Stride int
}

// RowMajor returns the view of data as rows of cols elements, one after the other.
func RowMajor(data []float32, rows, cols int) Matrix {
	return Matrix{Data: data, Rows: rows, Cols: cols, RowStride: cols, ColStride: 1}
}

// T returns the transpose of m, a view of the same data.
func (m Matrix) T() Matrix {
	return Matrix{Data: m.Data, Rows: m.Cols, Cols: m.Rows, RowStride: m.ColStride, ColStride: m.RowStride}
}

// A ShapeError is the panic of an operation whose operands do not fit. It has
// the rows and columns of each.
type ShapeError struct {
	Op      string
	C, A, B [2]int
}

func (e ShapeError) Error() string {
	return fmt.Sprintf("gemm: %s: shapes do not fit: %v = %v * %v", e.Op, e.C, e.A, e.B)
}

// A RangeError is the panic of MulRange on panels that do not exist.
type RangeError struct{ Lo, Hi, Panels int }

func (e RangeError) Error() string {
	return fmt.Sprintf("gemm: Packed.MulRange: panels [%d, %d) of %d", e.Lo, e.Hi, e.Panels)
}

// A ViewError is the panic of an operation on a view that has a negative size
// or stride, or reaches past its data.
type ViewError struct {
	Op                         string
	Rows, Cols                 int
	RowStride, ColStride, Data int
}

func (e ViewError) Error() string {
	return fmt.Sprintf("gemm: %s: bad view: %dx%d with strides %d and %d of %d elements",
		e.Op, e.Rows, e.Cols, e.RowStride, e.ColStride, e.Data)
}

func (m Matrix) check(op string) {
	ok := m.Rows >= 0 && m.Cols >= 0 && m.RowStride >= 0 && m.ColStride >= 0
	if ok && m.Rows > 0 && m.Cols > 0 {
		ok = (m.Rows-1)*m.RowStride+(m.Cols-1)*m.ColStride < len(m.Data)
	}
	if !ok {
		panic(ViewError{op, m.Rows, m.Cols, m.RowStride, m.ColStride, len(m.Data)})
	}
}

func (v Vector) check(op string, n int) {
	Matrix{v.Data, n, 1, v.Stride, 1}.check(op)
}

func checkMul(op string, c, a, b Matrix) {
	checkShapes(op, c, a, b)
	c.check(op)
	a.check(op)
	b.check(op)
}

func checkShapes(op string, c, a, b Matrix) {
	if a.Cols != b.Rows || c.Rows != a.Rows || c.Cols != b.Cols {
		panic(ShapeError{op, [2]int{c.Rows, c.Cols}, [2]int{a.Rows, a.Cols}, [2]int{b.Rows, b.Cols}})
	}
}

// slice returns the view of rows rows and cols columns from element (i, j).
func (m Matrix) slice(i, j, rows, cols int) Matrix {
	m.Data = m.Data[min(i*m.RowStride+j*m.ColStride, len(m.Data)):]
	m.Rows, m.Cols = rows, cols
	return m
}

// canonical returns m with a unit stride where a dimension of one element
// leaves its stride free and the other stride is not 1 already.
func (m Matrix) canonical() Matrix {
	switch {
	case m.Cols == 1 && m.RowStride != 1:
		m.ColStride = 1
	case m.Rows == 1 && m.ColStride != 1:
		m.RowStride = 1
	}
	return m
}
