package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// dropout tests that the multipliers are those of Random's Mask, or the given.
func (s *suite) dropout(t *testing.T) {
	b := ability[backend.Dropper](s, t)
	for _, d := range floats {
		for _, c := range dropoutCases {
			for _, shape := range [][]int{{0}, {1}, {7}, {5, 3}, {3, 1000}, {40003}} {
				site, factors := s.site(t, c, d, 40, shape...)
				a := normals(41, shape...).rounded(d)
				i := 0
				want := factors.mapped(func(v float64) float64 {
					i++
					return v * a.data[i-1]
				})
				x, y := s.fill(t, dense, d, a), s.out(d, shape...)
				b.Dropout(y.view, x.view, site)
				s.check(t, y, want, tight.of(d))
				b.Dropout(x.view, x.view, site)
				s.check(t, x, want, tight.of(d))
				s.free(x.base, y.base)
				s.freeSites(site)
			}
		}
	}
}

// adam tests moments and direction, in place of the gradient too.
func (s *suite) adam(t *testing.T) {
	b := ability[backend.Adamer](s, t)
	cases := []backend.Adam{
		{Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0, C1: 0.1, C2: 0.001},
		{Beta1: 0.9, Beta2: 0.999, Eps: 1e-6, WeightDecay: 1.2e-2, C1: 1, C2: 1},
		{Beta1: 0, Beta2: 0.5, Eps: 1e-3, WeightDecay: 0.1, C1: 1, C2: 0.75},
	}
	for _, d := range floats {
		for i, c := range cases {
			for _, n := range []int{0, 1, 7, 1000, 40003} {
				t.Run(fmt.Sprint(d, i, n), func(t *testing.T) { s.adamCase(t, b, d, c, n) })
			}
		}
	}
}

func (s *suite) adamCase(t *testing.T, b backend.Adamer, d tensor.DType, c backend.Adam, n int) {
	m, p, g := normals(42, n).rounded(d), normals(43, n).rounded(d), normals(44, n).rounded(d)
	v := normals(45, n).mapped(math.Abs).rounded(d)
	wm, wv, wu := newArray(n), newArray(n), newArray(n)
	for i, e := range g.data {
		wm.data[i] = c.Beta1*m.data[i] + (1-c.Beta1)*e
		wv.data[i] = c.Beta2*v.data[i] + (1-c.Beta2)*e*e
		wu.data[i] = wm.data[i]/c.C1/(math.Sqrt(wv.data[i]/c.C2)+c.Eps) + c.WeightDecay*p.data[i]
	}
	for _, inPlace := range []bool{false, true} {
		tm, tv, tp, tg := s.fill(t, dense, d, m), s.fill(t, dense, d, v), s.put(t, dense, d, p), s.fill(t, dense, d, g)
		u := s.out(d, n)
		if inPlace {
			s.free(u.base)
			u = tg
		}
		b.AdamDirection(u.view, tm.view, tv.view, tp, tg.view, c)
		tol := tolerance{2e-6, 1e-13}.of(d)
		s.check(t, tm, wm, tol)
		s.check(t, tv, wv, tol)
		s.check(t, u, wu, 5*tol)
		s.free(tm.base, tv.base, tp, tg.base, u.base)
	}
}

// boom tests the layer, whose inner width may leave columns over, and its
// gradient by the formula.
func (s *suite) boom(t *testing.T) {
	b := ability[backend.Boomer](s, t)
	for _, d := range floats {
		for _, c := range dropoutCases {
			for _, m := range [][3]int{{1, 1, 1}, {3, 4, 8}, {3, 4, 11}, {5, 7, 7}, {2, 8, 3}, {0, 4, 8}, {40, 64, 256}, {257, 33, 140}} {
				for _, wd := range weightTypes(d) {
					t.Run(fmt.Sprint(d, wd, c.name, m), func(t *testing.T) { s.boomCase(t, b, d, wd, c, m[0], m[1], m[2]) })
				}
			}
		}
	}
}

func (s *suite) boomCase(t *testing.T, b backend.Boomer, d, wd tensor.DType, c dropouts, n, h, f int) {
	x, bias, g := normals(46, n, h).rounded(d), normals(48, f).rounded(d), normals(49, n, h).rounded(d)
	w := normals(47, f, h).mapped(func(v float64) float64 { return v / math.Sqrt(float64(h)) }).rounded(d).kept(wd)
	site, factors := s.site(t, c, d, 50, n, f)
	u, y := newArray(n, f), newArray(n, h)
	each(u.shape, func(i []int) {
		sum := bias.at(i[1])
		for k := range h {
			sum += x.at(i[0], k) * w.at(i[1], k)
		}
		u.data[u.flat(i)] = sum
		if i[1] < f/h*h {
			y.data[i[0]*h+i[1]%h] += gelu(sum) * factors.at(i...)
		}
	})
	tx, tw, tb, tg := s.put(t, dense, d, x), s.weights(t, d, wd, w), s.put(t, dense, d, bias), s.put(t, dense, d, g)
	ty, tu, du := s.out(d, n, h), s.out(d, n, f), s.out(d, n, f)
	b.Boom(ty.view, tu.view, tx, tw, tb, site)
	tol := tolerance{1e-5, 1e-12}.of(d)
	s.check(t, tu, u, tol)
	s.check(t, ty, y, tol)

	want := build([]int{n, f}, func(i []int) float64 {
		if i[1] >= f/h*h {
			return 0
		}
		return g.at(i[0], i[1]%h) * factors.at(i...) * geluSlope(u.at(i...))
	})
	b.BoomGrad(du.view, tu.view, tg, site)
	s.check(t, du, want, 2*tol)
	b.BoomGrad(tu.view, tu.view, tg, site)
	s.check(t, tu, want, 2*tol)
	s.free(tx, tw, tb, tg, ty.base, tu.base, du.base)
	s.freeSites(site)
}
