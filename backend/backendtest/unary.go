package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func gelu(x float64) float64 { return x * logistic(1.702*x) }

func geluTanh(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// unaryCase is one function with the tolerance it must keep.
type unaryCase struct {
	f        backend.Unary
	want     func(float64) float64
	positive bool // its arguments
	tol      tolerance
}

// tight is what arithmetic and correctly rounded functions keep, loose what
// approximations of elementary functions do.
var (
	tight = tolerance{2e-7, 1e-15}
	loose = tolerance{1e-6, 1e-14}
)

var unaryCases = []unaryCase{
	{backend.Unary{Kind: backend.Affine, A: -1.75, B: 0.5}, func(x float64) float64 { return -1.75*x + 0.5 }, false, tight},
	{backend.Unary{Kind: backend.Affine, A: 0, B: 2}, func(x float64) float64 { return 0*x + 2 }, false, tight},
	{backend.Unary{Kind: backend.Power, A: 2}, func(x float64) float64 { return x * x }, false, tight},
	{backend.Unary{Kind: backend.Power, A: 3}, func(x float64) float64 { return x * x * x }, false, loose},
	{backend.Unary{Kind: backend.Power, A: -1}, func(x float64) float64 { return 1 / x }, false, loose},
	{backend.Unary{Kind: backend.Power, A: 0.5}, math.Sqrt, true, loose},
	{backend.Unary{Kind: backend.Power, A: -0.5}, func(x float64) float64 { return 1 / math.Sqrt(x) }, true, loose},
	{backend.Unary{Kind: backend.Power, A: 1.3}, func(x float64) float64 { return math.Pow(x, 1.3) }, true, loose},
	{backend.Unary{Kind: backend.Exp}, math.Exp, false, loose},
	{backend.Unary{Kind: backend.Log}, math.Log, true, loose},
	{backend.Unary{Kind: backend.Sqrt}, math.Sqrt, true, tight},
	{backend.Unary{Kind: backend.Tanh}, math.Tanh, false, loose},
	{backend.Unary{Kind: backend.Logistic}, logistic, false, loose},
	{backend.Unary{Kind: backend.GELU}, gelu, false, loose},
	{backend.Unary{Kind: backend.GELUTanh}, geluTanh, false, loose},
}

// unary tests every function over views, in place, at the edges of its domain
// and where a thread's share ends.
func (s *suite) unary(t *testing.T) {
	seen := map[backend.UnaryKind]bool{}
	for _, c := range unaryCases {
		seen[c.f.Kind] = true
		for _, d := range floats {
			t.Run(fmt.Sprintf("%d(%v,%v)/%v", c.f.Kind, c.f.A, c.f.B, d), func(t *testing.T) {
				for _, shape := range shapes {
					eachLayout(len(shape), func(l layout) { s.unaryCase(t, c, d, l, shape) })
				}
				s.unaryCase(t, c, d, dense, []int{40003})
				s.unaryEdges(t, c, d)
			})
		}
	}
	for k := range backend.UnaryKinds {
		require.True(t, seen[k], "no case for unary function %d", k)
	}
}

func (s *suite) unaryCase(t *testing.T, c unaryCase, d tensor.DType, l layout, shape []int) {
	a := normals(7, shape...).mapped(func(v float64) float64 { return 3 * v })
	if c.positive {
		a = a.mapped(func(v float64) float64 { return math.Abs(v) + 1e-3 })
	}
	a = a.rounded(d)
	want := a.mapped(c.want)
	x, dst := s.fill(t, l, d, a), s.room(other(l, 1, len(shape)), d, shape...)
	s.b.Unary(c.f, dst.view, x.view)
	s.check(t, dst, want, c.tol.of(d))
	s.b.Unary(c.f, x.view, x.view)
	s.check(t, x, want, c.tol.of(d))
	s.free(x.base, dst.base)
}

// unaryEdges tests NaN, infinities, zeros and numbers of extreme size. The GELUs
// of -Inf are left open.
func (s *suite) unaryEdges(t *testing.T, c unaryCase, d tensor.DType) {
	edges := []float64{0, 1e-8, -1e-8, 1e-4, -1e-4, 20, 60, 80, 87, math.Inf(1), math.NaN()}
	if !c.positive {
		edges = append(edges, -20, -60, -80, -87)
	}
	if !c.positive && c.f.Kind != backend.GELU && c.f.Kind != backend.GELUTanh {
		edges = append(edges, math.Inf(-1))
	}
	a := array{[]int{len(edges)}, edges}.rounded(d)
	x := s.fill(t, dense, d, a)
	s.b.Unary(c.f, x.view, x.view)
	s.check(t, x, a.mapped(c.want).rounded(d), c.tol.of(d))
	s.free(x.base)
}
