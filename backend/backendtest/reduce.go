package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var reduceCases = map[backend.Reduce]struct {
	start float64
	step  func(acc, x float64) float64
}{
	backend.Sum:        {0, func(acc, x float64) float64 { return acc + x }},
	backend.Max:        {math.Inf(-1), func(acc, x float64) float64 { return max(acc, x) }},
	backend.SumSquares: {0, func(acc, x float64) float64 { return acc + x*x }},
}

// folded is the oracle of Reduce to a shape of the same rank.
func folded(f backend.Reduce, a array, to []int) array {
	c, out := reduceCases[f], newArray(to...)
	for i := range out.data {
		out.data[i] = c.start
	}
	if a.data == nil {
		return out
	}
	i := 0
	each(a.shape, func(index []int) {
		k := out.flat(index)
		out.data[k] = c.step(out.data[k], a.data[i])
		i++
	})
	return out
}

// reduce tests every fold over every choice of axes and over views.
func (s *suite) reduce(t *testing.T) {
	for f := range backend.ReduceKinds {
		require.Contains(t, reduceCases, f, "no case for a fold")
		for _, d := range numbers {
			t.Run(fmt.Sprintf("%d/%v", f, d), func(t *testing.T) {
				for _, shape := range append(shapes, []int{40, 70}, []int{3, 9, 5, 11}) {
					eachSubset(shape, func(to []int) {
						if f == backend.Max && tensor.Size(shape) == 0 && tensor.Size(to) > 0 {
							return // the largest of nothing is left open
						}
						s.reduceCase(t, f, d, shape, to)
					})
				}
			})
		}
		s.reduceLong(t, f)
		s.reduceOrder(t, f)
		s.reduceNaN(t, f)
	}
}

// eachSubset visits shape with each choice of axes cut to length 1.
func eachSubset(shape []int, f func(to []int)) {
	for bits := range 1 << len(shape) {
		to := make([]int, len(shape))
		for d, n := range shape {
			to[d] = n
			if bits>>d&1 == 1 {
				to[d] = 1
			}
		}
		f(to)
	}
}

func (s *suite) reduceCase(t *testing.T, f backend.Reduce, d tensor.DType, shape, to []int) {
	a := integers(13, -9, 9, shape...)
	if d.IsFloat() {
		a = normals(13, shape...).rounded(d)
	}
	want := folded(f, a, to)
	eachLayout(len(shape), func(l layout) {
		x, dst := s.put(t, l, d, a), s.room(other(l, 1, len(to)), d, to...)
		s.b.Reduce(f, dst.view, x)
		s.check(t, dst, want, tolerance{3e-6, 1e-13}.of(d))
		s.free(x, dst.base)
	})
}

// reduceLong tests that a million positive elements keep a relative error of
// 1e-5 in float32, whichever axes are folded.
func (s *suite) reduceLong(t *testing.T, f backend.Reduce) {
	long := normals(14, 1<<21).mapped(math.Abs).rounded(tensor.Float32)
	for _, c := range [][2][]int{
		{{1 << 20}, {1}}, {{1 << 20, 1}, {1, 1}}, {{1 << 17, 9}, {1, 9}}, {{1 << 18, 4}, {1, 4}}, {{1031, 1021}, {1, 1021}},
		{{1031, 1021}, {1031, 1}}, {{100, 101, 103}, {1, 101, 1}}, {{100, 101, 103}, {100, 1, 103}}, {{100, 101, 103}, {1, 1, 1}},
	} {
		a := array{c[0], long.data[:tensor.Size(c[0])]}
		x, dst := s.put(t, dense, tensor.Float32, a), s.room(dense, tensor.Float32, c[1]...)
		s.b.Reduce(f, dst.view, x)
		s.check(t, dst, folded(f, a, c[1]), 1e-5)
		s.free(x, dst.base)
	}
}

// reduceOrder tests that the order of the fold depends on the shapes alone: a
// view and its dense copy give the same bits.
func (s *suite) reduceOrder(t *testing.T, f backend.Reduce) {
	shape := []int{70, 30, 40}
	a := normals(15, shape...)
	eachSubset(shape, func(to []int) {
		x, want := s.put(t, dense, tensor.Float32, a), s.room(dense, tensor.Float32, to...)
		s.b.Reduce(f, want.view, x)
		eachLayout(3, func(l layout) {
			view, dst := s.put(t, l, tensor.Float32, a), s.room(dense, tensor.Float32, to...)
			s.b.Reduce(f, dst.view, view)
			s.check(t, dst, s.get(t, want.view), 0)
			s.free(view, dst.base)
		})
		s.free(x, want.base)
	})
}

// reduceNaN tests that one NaN makes its fold NaN and no other.
func (s *suite) reduceNaN(t *testing.T, f backend.Reduce) {
	for _, d := range floats {
		for _, shape := range [][]int{{37, 21}, {5000, 2}} {
			a := normals(16, shape...).rounded(d)
			a.data[len(a.data)/2] = math.NaN()
			a.data[1] = math.Inf(1)
			eachSubset(shape, func(to []int) { // Inf folds to Inf, and NaN over it
				want := folded(f, a, to)
				x, dst := s.put(t, dense, d, a), s.room(dense, d, to...)
				s.b.Reduce(f, dst.view, x)
				s.check(t, dst, want, 1e-5)
				s.free(x, dst.base)
			})
		}
	}
}
