package backendtest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

// matMulShapes are M, K, N.
var matMulShapes = [][3]int{
	{1, 1, 1}, {2, 3, 4}, {1, 7, 5}, {5, 7, 1}, {1, 300, 1}, {7, 1, 9}, {16, 16, 16}, {17, 33, 31}, {64, 65, 63}, {6, 300, 33},
	{1, 129, 257}, {130, 67, 1}, {3, 5, 600}, {97, 260, 113}, {0, 3, 2}, {2, 0, 3}, {2, 3, 0},
}

// batches are the leading axes of dst, a and b.
var batches = [][3][]int{
	{{3}, {3}, {3}}, {{3}, {3}, {}}, {{3}, {}, {3}}, {{3}, {1}, {3}}, {{2, 3}, {2, 3}, {2, 3}}, {{2, 3}, {2, 1}, {3}},
	{{2, 3}, {2, 3}, {}}, {{2, 1, 3}, {2, 1, 1}, {3}}, {{0}, {0}, {}}, {{2, 0}, {2, 1}, {0}}, {{2}, {}, {}},
}

// product is a b and, for the tolerance, |a| |b|. A float32 sum of K terms in
// any order is within 1e-6 of its magnitudes' sum at the sizes here.
func product(a, b array) (c, size array) {
	n := len(a.shape)
	m, k, w := a.shape[n-2], a.shape[n-1], b.shape[len(b.shape)-1]
	lead := tensor.BroadcastShape("product", a.shape[:n-2], b.shape[:len(b.shape)-2])
	c, size = newArray(join(lead, m, w)...), newArray(join(lead, m, w)...)
	heads, tails := array{shape: a.shape[:n-2]}, array{shape: b.shape[:len(b.shape)-2]}
	at := 0
	each(lead, func(index []int) {
		x, y := a.data[heads.flat(index)*m*k:], b.data[tails.flat(index)*k*w:]
		for i := range m * w {
			for j := range k {
				v := x[i/w*k+j] * y[j*w+i%w]
				c.data[at] += v
				size.data[at] += math.Abs(v)
			}
			at++
		}
	})
	return c, size
}

// matMul tests products over views, batches and broadcasts, with and without
// accumulation, and what becomes of NaN and infinity.
func (s *suite) matMul(t *testing.T) {
	for _, d := range floats {
		t.Run(d.String(), func(t *testing.T) {
			for _, m := range matMulShapes {
				p := newMatMul(d, []int{m[0], m[1]}, []int{m[1], m[2]}, []int{m[0], m[2]})
				eachLayout(2, func(la layout) {
					eachLayout(2, func(lb layout) {
						s.matMulCase(t, p, la, lb, dense)
						s.matMulCase(t, p, la, lb, other(la, 2, 2))
					})
				})
			}
			for _, lead := range batches {
				for _, m := range [][3]int{{4, 5, 6}, {1, 5, 6}, {1, 9, 1}, {20, 30, 17}} {
					p := newMatMul(d, join(lead[1], m[0], m[1]), join(lead[2], m[1], m[2]), join(lead[0], m[0], m[2]))
					eachLayout(2, func(l layout) {
						s.matMulCase(t, p, l, other(l, 3, 2), dense)
						s.matMulCase(t, p, dense, l, other(l, 4, 2))
					})
				}
			}
			large := newMatMul(d, []int{4, 260, 130}, []int{4, 130, 280}, []int{4, 260, 280})
			s.matMulCase(t, large, dense, layouts[4], dense)
			s.matMulSpecial(t, d)
		})
	}
}

// matMulData are the factors of a case and what is expected.
type matMulData struct {
	d          tensor.DType
	a, b, want array
	tol        float64
}

func newMatMul(d tensor.DType, as, bs, cs []int) matMulData {
	p := matMulData{d: d, a: normals(17, as...).rounded(d), b: normals(18, bs...).rounded(d)}
	prod, size := product(p.a, p.b)
	p.want = build(cs, func(i []int) float64 { return prod.at(i...) })
	unit := tolerance{1e-6, 2e-15}.of(d)
	p.tol = unit
	for _, v := range size.data {
		p.tol = max(p.tol, unit*v)
	}
	return p
}

func join(lead []int, last ...int) []int { return append(append([]int{}, lead...), last...) }

func (s *suite) matMulCase(t *testing.T, p matMulData, la, lb, lc layout) {
	t.Helper()
	x, y, dst := s.put(t, la, p.d, p.a), s.put(t, lb, p.d, p.b), s.room(lc, p.d, p.want.shape...)
	s.b.MatMul(dst.view, x, y, false)
	s.check(t, dst, p.want, p.tol)
	s.b.MatMul(dst.view, x, y, true)
	s.check(t, dst, p.want.mapped(func(v float64) float64 { return 2 * v }), 2*p.tol)
	s.free(x, y, dst.base)
}

// matMulSpecial tests that 0 x NaN and 0 x Inf are NaN, in either factor, and
// stay in their row or column.
func (s *suite) matMulSpecial(t *testing.T, d tensor.DType) {
	for _, m := range [][3]int{{1, 8, 40}, {4, 4, 4}, {33, 40, 37}, {70, 300, 90}} {
		for _, v := range []float64{math.NaN(), math.Inf(1)} {
			eachLayout(2, func(l layout) {
				a, b := newArray(m[0], m[1]), newArray(m[1], m[2])
				a.data[m[1]/2] = v               // row 0
				b.data[(m[1]/3)*m[2]+m[2]/2] = v // one column
				want, _ := product(a, b)
				require.True(t, math.IsNaN(want.data[0]))
				x, y, dst := s.put(t, l, d, a), s.put(t, l, d, b), s.room(dense, d, m[0], m[2])
				s.b.MatMul(dst.view, x, y, false)
				s.check(t, dst, want, 0)
				s.free(x, y, dst.base)
			})
		}
	}
}
