package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// slope is the derivative of f by its formula.
func geluSlope(x float64) float64 {
	s := logistic(1.702 * x)
	return s + 1.702*x*s*(1-s)
}

func geluTanhSlope(x float64) float64 {
	k := math.Sqrt(2 / math.Pi)
	th := math.Tanh(k * (x + 0.044715*x*x*x))
	return (1+th)/2 + x/2*(1-th*th)*k*(1+3*0.044715*x*x)
}

var binaryCases = map[backend.Binary]struct {
	want func(x, y float64) float64
	tol  tolerance
}{
	backend.Add:          {func(x, y float64) float64 { return x + y }, tight},
	backend.Sub:          {func(x, y float64) float64 { return x - y }, tight},
	backend.Mul:          {func(x, y float64) float64 { return x * y }, tight},
	backend.Div:          {func(x, y float64) float64 { return x / y }, tight},
	backend.Less:         {func(x, y float64) float64 { return truth(x < y) }, tolerance{}},
	backend.Equal:        {func(x, y float64) float64 { return truth(x == y) }, tolerance{}},
	backend.TanhGrad:     {func(y, g float64) float64 { return g * (1 - y*y) }, loose},
	backend.LogisticGrad: {func(y, g float64) float64 { return g * y * (1 - y) }, loose},
	backend.GELUGrad:     {func(x, g float64) float64 { return g * geluSlope(x) }, loose},
	backend.GELUTanhGrad: {func(x, g float64) float64 { return g * geluTanhSlope(x) }, tolerance{2e-6, 1e-14}},
}

// broadcasts are the shapes of x and y.
var broadcasts = [][2][]int{
	{{5, 3}, {3}}, {{5, 3}, {5, 1}}, {{5, 1}, {1, 3}}, {{5, 3}, {}}, {{}, {5, 3}}, {{1}, {4}}, {{33, 65}, {65}}, {{33, 65}, {33, 1}},
	{{2, 3, 4}, {3, 1}}, {{2, 3, 4}, {2, 1, 1}}, {{3, 1, 5}, {4, 1}}, {{2, 1, 3, 1, 5}, {4, 1, 2, 1}}, {{0, 3}, {1, 3}}, {{3, 1}, {1, 0}}, {{3, 1500}, {1500}}, {{3, 1500}, {3, 1}},
}

// binary tests every function over views, broadcasts, in place and on special
// values.
func (s *suite) binary(t *testing.T) {
	for f := range backend.BinaryKinds {
		require.Contains(t, binaryCases, f, "no case for a binary function")
		for _, d := range numbers {
			if d == tensor.Int32 && f > backend.Mul && f != backend.Less && f != backend.Equal {
				continue
			}
			t.Run(fmt.Sprintf("%d/%v", f, d), func(t *testing.T) {
				for _, shape := range shapes {
					eachLayout(len(shape), func(l layout) { s.binaryCase(t, f, d, l, shape, shape) })
				}
				for _, p := range broadcasts {
					eachLayout(min(len(p[0]), len(p[1])), func(l layout) { s.binaryCase(t, f, d, l, p[0], p[1]) })
				}
				s.binaryCase(t, f, d, dense, []int{257, 259}, []int{257, 259})
				s.binaryCase(t, f, d, dense, []int{257, 259}, []int{259})
				s.binaryCase(t, f, d, dense, []int{257, 259}, []int{257, 1})
				s.binaryEdges(t, f, d)
			})
		}
	}
}

// result is the dtype of f's result on d.
func result(f backend.Binary, d tensor.DType) tensor.DType {
	if f == backend.Less || f == backend.Equal {
		return tensor.Int32
	}
	return d
}

func (s *suite) binaryCase(t *testing.T, f backend.Binary, d tensor.DType, l layout, xs, ys []int) {
	c := binaryCases[f]
	a, b := normals(8, xs...).rounded(d), normals(9, ys...).rounded(d)
	if d == tensor.Int32 || f == backend.Equal {
		a, b = integers(8, -4, 4, xs...), integers(9, -4, 4, ys...)
	}
	if f == backend.Div { // so that a quotient is not all rounding
		b = b.mapped(func(v float64) float64 { return v + math.Copysign(0.25, v) }).rounded(d)
	}
	shape := tensor.BroadcastShape("binary", xs, ys)
	want := build(shape, func(i []int) float64 { return c.want(a.at(i...), b.at(i...)) })
	x, y := s.fill(t, l, d, a), s.fill(t, other(l, 1, len(ys)), d, b)
	dst := s.room(other(l, 2, len(shape)), result(f, d), shape...)
	s.b.Binary(f, dst.view, x.view, y.view)
	s.check(t, dst, want, c.tol.of(d))
	if result(f, d) == d {
		for _, r := range []room{x, y} {
			if fmt.Sprint(r.view.Shape) == fmt.Sprint(shape) {
				before := s.get(t, r.view)
				s.b.Binary(f, r.view, x.view, y.view)
				s.check(t, r, want, c.tol.of(d))
				require.NoError(t, s.b.Write(r.view, encode(d, before.data)))
			}
		}
	}
	s.free(x.base, y.base, dst.base)
}

// binaryEdges tests every pair of some special values. Those of the gradient
// rules at infinity are left open.
func (s *suite) binaryEdges(t *testing.T, f backend.Binary, d tensor.DType) {
	edges := []float64{0, 1, -1, 3}
	if d.IsFloat() {
		edges = append(edges, math.NaN(), 0.1, 1e-30)
		if f < backend.TanhGrad {
			edges = append(edges, math.Inf(1), math.Inf(-1), math.Copysign(0, -1))
		}
	}
	c, n := binaryCases[f], len(edges)
	col, row := array{[]int{n, 1}, edges}.rounded(d), array{[]int{n}, edges}.rounded(d)
	want := build([]int{n, n}, func(i []int) float64 { return c.want(col.at(i...), row.at(i...)) }).rounded(result(f, d))
	x, y, dst := s.put(t, dense, d, col), s.put(t, dense, d, row), s.room(dense, result(f, d), n, n)
	s.b.Binary(f, dst.view, x, y)
	s.check(t, dst, want, c.tol.of(d))
	s.free(x, y, dst.base)
}

// selects tests Select over views and broadcasts.
func (s *suite) selects(t *testing.T) {
	type triple struct{ cond, x, y []int }
	cases := []triple{
		{[]int{5, 1}, []int{5, 3}, []int{3}}, {[]int{3}, []int{}, []int{5, 1}}, {[]int{2, 1, 4}, []int{2, 3, 4}, []int{1}},
		{[]int{}, []int{7}, []int{1}}, {[]int{1, 3}, []int{0, 3}, []int{3}}, {[]int{257, 259}, []int{1}, []int{257, 259}},
	}
	for _, shape := range shapes {
		cases = append(cases, triple{shape, shape, shape})
	}
	for _, d := range numbers {
		for _, c := range cases {
			eachLayout(min(len(c.cond), len(c.x), len(c.y)), func(l layout) {
				shape := tensor.BroadcastShape("select", tensor.BroadcastShape("select", c.cond, c.x), c.y)
				cond, a, b := integers(10, -1, 2, c.cond...), integers(11, 0, 50, c.x...), integers(12, -50, 0, c.y...)
				want := build(shape, func(i []int) float64 {
					if cond.at(i...) != 0 {
						return a.at(i...)
					}
					return b.at(i...)
				})
				k, x := s.put(t, l, tensor.Int32, cond), s.fill(t, other(l, 1, len(c.x)), d, a)
				y, dst := s.put(t, other(l, 2, len(c.y)), d, b), s.room(other(l, 3, len(shape)), d, shape...)
				s.b.Select(dst.view, k, x.view, y)
				s.check(t, dst, want, 0)
				if fmt.Sprint(c.x) == fmt.Sprint(shape) {
					s.b.Select(x.view, k, x.view, y)
					s.check(t, x, want, 0)
				}
				s.free(k, x.base, y, dst.base)
			})
		}
	}
}
