package backendtest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// storedTypes are the dtypes of weights that are only stored.
var storedTypes = []tensor.DType{tensor.BFloat16, tensor.Int8}

// weightTypes are the dtypes that weights may have beside operands of d.
func weightTypes(d tensor.DType) []tensor.DType {
	if d == tensor.Float32 {
		return append([]tensor.DType{d}, storedTypes...)
	}
	return []tensor.DType{d}
}

// kept is what remains of a in a dtype, blocks of Int8 included.
func (a array) kept(d tensor.DType) array {
	if d != tensor.Int8 {
		return a.rounded(d)
	}
	k, n := newArray(a.shape...), a.shape[len(a.shape)-1]
	for lo := 0; lo < len(a.data); lo += n {
		for at := 0; at < n; at += tensor.BlockLen {
			end := min(at+tensor.BlockLen, n)
			keepBlock(k.data[lo+at:lo+end], a.data[lo+at:lo+end])
		}
	}
	return k
}

func keepBlock(dst, x []float64) {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(v)) // NaN stays
	}
	scale := float64(float32(most) / 127)
	if math.IsInf(most, 0) {
		scale = math.NaN()
	}
	for i, v := range x {
		q := 0.0
		if scale > 0 {
			q = min(max(math.RoundToEven(v/scale), -127), 127)
		}
		dst[i] = float64(float32(q * scale))
	}
}

// weights allocates a tensor of dtype wd of what is given in d.
func (s *suite) weights(t *testing.T, d, wd tensor.DType, a array) *tensor.Tensor {
	t.Helper()
	x := s.put(t, dense, d, a)
	if wd == d {
		return x
	}
	w := backend.New(s.b, wd, a.shape...)
	s.b.Copy(w, x)
	s.free(x)
	return w
}

// stored tests weights of bfloat16 and Int8 beside float32.
func (s *suite) stored(t *testing.T) {
	for _, d := range storedTypes {
		t.Run(d.String(), func(t *testing.T) {
			for _, shape := range [][]int{{1, 1}, {3, 31}, {4, 32}, {5, 33}, {7, 100}, {2, 3, 40}, {64}, {5}, {0, 7}, {3, 0}, {300, 257}} {
				eachLayout(len(shape), func(l layout) { s.storedCopy(t, d, l, shape) })
			}
			s.storedRows(t, d)
			s.storedSpecial(t, d)
			for _, m := range matMulShapes {
				eachLayout(2, func(l layout) { s.storedMatMul(t, d, l, []int{m[0]}, m[1], m[2]) })
			}
			for _, m := range [][3]int{{4, 70, 200}, {33, 200, 70}, {2, 1024, 300}, {1, 300, 1024}} {
				s.storedMatMul(t, d, dense, []int{m[0]}, m[1], m[2])
			}
			for _, lead := range [][]int{{3, 2}, {2, 1}, {2, 3, 4}, {0, 2}} {
				eachLayout(len(lead)+1, func(l layout) { s.storedMatMul(t, d, l, lead, 40, 50) })
			}
			s.storedGather(t, d)
		})
	}
}

// storedCopy tests Copy from float32 and back, and Fill.
func (s *suite) storedCopy(t *testing.T, d tensor.DType, l layout, shape []int) {
	a := normals(70, shape...).rounded(tensor.Float32)
	x, w, dst := s.put(t, l, tensor.Float32, a), backend.New(s.b, d, shape...), s.room(other(l, 1, len(shape)), tensor.Float32, shape...)
	s.b.Fill(w, 5)
	s.b.Copy(dst.view, w)
	s.check(t, dst, newArray(shape...).mapped(func(float64) float64 { return 5 }), 1e-6)
	s.b.Copy(w, x)
	s.b.Copy(dst.view, w)
	s.check(t, dst, a.kept(d), 0)
	again := backend.Clone(s.b, w)
	s.b.Copy(dst.view, again)
	s.check(t, dst, a.kept(d), 0)
	raw := make([]byte, d.Bytes(d.Room(shape)))
	require.NoError(t, s.b.Read(raw, w))
	s.b.Fill(again, 1)
	require.NoError(t, s.b.Write(again, raw))
	s.b.Copy(dst.view, again)
	s.check(t, dst, a.kept(d), 0)
	s.free(x, w, dst.base, again)
}

// storedRows tests that rows can be written and read alone.
func (s *suite) storedRows(t *testing.T, d tensor.DType) {
	a, rows := normals(71, 9, 50), normals(72, 3, 50)
	w, x := s.weights(t, tensor.Float32, d, a), s.put(t, dense, tensor.Float32, rows)
	s.b.Copy(w.Slice(0, 4, 7), x)
	want := a.kept(d)
	copy(want.data[4*50:], rows.kept(d).data)
	dst := s.out(tensor.Float32, 9, 50)
	s.b.Copy(dst.view, w)
	s.check(t, dst, want, 0)
	s.free(w, x, dst.base)
}

// storedSpecial tests what becomes of NaN, infinities and extreme magnitudes,
// in Copy and as factors.
func (s *suite) storedSpecial(t *testing.T, d tensor.DType) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, 1e-30, 1e-44} {
		a := normals(73, 3, 70).rounded(tensor.Float32)
		a.data[70+35] = v
		for i := range 70 {
			a.data[140+i] = v
		}
		w, back := s.weights(t, tensor.Float32, d, a.rounded(tensor.Float32)), s.out(tensor.Float32, 3, 70)
		s.b.Copy(back.view, w)
		s.check(t, back, a.rounded(tensor.Float32).kept(d), 0)
		zeros, dst := s.put(t, dense, tensor.Float32, newArray(2, 70)), s.out(tensor.Float32, 2, 3)
		want, _ := product(newArray(2, 70), transposed(a.kept(d)))
		s.b.MatMul(dst.view, zeros, w.Transpose(), false)
		s.check(t, dst, want, 0)
		s.free(w, back.base, zeros, dst.base)
	}
	s.storedNaN(t, d)
}

// storedNaN tests that NaN times a zero weight is NaN, and stays in its row.
func (s *suite) storedNaN(t *testing.T, d tensor.DType) {
	for _, m := range []int{1, 3, 16, 40} {
		a := newArray(m, 70)
		a.data[69] = math.NaN()
		want, _ := product(a, newArray(70, 5))
		x, w, dst := s.put(t, dense, tensor.Float32, a), s.weights(t, tensor.Float32, d, newArray(5, 70)), s.out(tensor.Float32, m, 5)
		s.b.MatMul(dst.view, x, w.Transpose(), false)
		s.check(t, dst, want, 0)
		s.free(w)
		w = s.weights(t, tensor.Float32, d, newArray(70, 5))
		s.b.MatMul(dst.view, x, w, false)
		s.check(t, dst, want, 0)
		s.free(x, w, dst.base)
	}
}

// transposed swaps the axes of a matrix.
func transposed(a array) array {
	return build([]int{a.shape[1], a.shape[0]}, func(i []int) float64 { return a.at(i[1], i[0]) })
}

// storedMatMul tests x w and x w^T with all of the weights and with some rows.
func (s *suite) storedMatMul(t *testing.T, d tensor.DType, l layout, lead []int, k, n int) {
	t.Helper()
	a := normals(74, join(lead, k)...).rounded(tensor.Float32)
	across, along := normals(75, k, n).kept(d), normals(76, n, k).kept(d)
	w := s.weights(t, tensor.Float32, d, across)
	s.storedProduct(t, l, a, w, across)
	s.free(w)
	w = s.weights(t, tensor.Float32, d, along)
	s.storedProduct(t, l, a, w.Transpose(), transposed(along))
	if n > 2 {
		some := array{[]int{n - 2, k}, along.data[k : (n-1)*k]}
		s.storedProduct(t, l, a, w.Slice(0, 1, n-1).Transpose(), transposed(some))
	}
	s.free(w)
}

func (s *suite) storedProduct(t *testing.T, l layout, a array, w *tensor.Tensor, plain array) {
	t.Helper()
	want, size := product(a, plain)
	tol := 1e-6
	for _, v := range size.data {
		tol = max(tol, 1e-6*v)
	}
	x, dst := s.put(t, l, tensor.Float32, a), s.room(other(l, 2, len(a.shape)), tensor.Float32, want.shape...)
	s.b.MatMul(dst.view, x, w, false)
	s.check(t, dst, want, tol)
	s.b.MatMul(dst.view, x, w, true)
	s.check(t, dst, want.mapped(func(v float64) float64 { return 2 * v }), 2*tol)
	s.free(x, dst.base)
}

// storedGather tests Gather into float32.
func (s *suite) storedGather(t *testing.T, d tensor.DType) {
	for _, c := range [][2][]int{{{5, 3}, {4}}, {{9, 64}, {2, 3}}, {{9, 33}, {}}, {{300, 130}, {257}}, {{7, 40}, {0}}} {
		table, index := normals(77, c[0]...).rounded(tensor.Float32), integers(78, 0, c[0][0], c[1]...)
		kept := table.kept(d)
		shape := append(append([]int{}, c[1]...), c[0][1:]...)
		want := build(shape, func(i []int) float64 { return kept.at(row(index, i)...) })
		w, k := s.weights(t, tensor.Float32, d, table), s.put(t, dense, tensor.Int32, index)
		eachLayout(len(shape), func(l layout) {
			dst := s.room(l, tensor.Float32, shape...)
			s.b.Gather(dst.view, w, k)
			s.check(t, dst, want, 0)
			s.free(dst.base)
		})
		s.free(w, k)
	}
}
