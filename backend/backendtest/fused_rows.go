package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// rowShapes end in the width of a row.
var rowShapes = [][]int{{1, 1}, {7}, {3, 5}, {2, 3, 17}, {0, 5}, {65, 33}, {4, 1000}, {300, 130}, {2, 70001}}

// eachRow visits the rows of the last axis.
func (a array) eachRow(f func(row []float64)) {
	width := a.shape[len(a.shape)-1]
	for lo := 0; lo < len(a.data); lo += width {
		f(a.data[lo : lo+width])
	}
}

// logSum is the logarithm of the sum of exponentials.
func logSum(row []float64) float64 {
	top, sum := math.Inf(-1), 0.0
	for _, v := range row {
		top = max(top, v)
	}
	for _, v := range row {
		sum += math.Exp(v - top)
	}
	return top + math.Log(sum)
}

func softmaxed(a array, log bool) array {
	y := a.mapped(func(v float64) float64 { return v })
	y.eachRow(func(row []float64) {
		lse := logSum(row)
		for i := range row {
			row[i] -= lse
			if !log {
				row[i] = math.Exp(row[i])
			}
		}
	})
	return y
}

// softmax tests values within 2e-6 (float32), with elements of -Inf too, and
// gradients by their formulas. Rows far from zero, whose exponentials would
// overflow, may lose what a rounding of their elements loses.
func (s *suite) softmax(t *testing.T) {
	b := ability[backend.Softmaxer](s, t)
	for _, d := range floats {
		for _, log := range []bool{false, true} {
			for _, shape := range rowShapes {
				t.Run(fmt.Sprint(d, log, shape), func(t *testing.T) {
					s.softmaxCase(t, b, d, log, 0, tolerance{2e-6, 1e-13}, shape)
					s.softmaxCase(t, b, d, log, 500, tolerance{1e-4, 1e-12}, shape)
					s.softmaxGrad(t, b, d, log, shape)
				})
			}
		}
	}
}

func (s *suite) softmaxCase(t *testing.T, b backend.Softmaxer, d tensor.DType, log bool, shift float64, tol tolerance, shape []int) {
	a := normals(30, shape...).mapped(func(v float64) float64 { return 3*v + shift }).rounded(d)
	if width := shape[len(shape)-1]; len(a.data) > 1 && width > 1 {
		a.data[width-1] = math.Inf(-1)
	}
	x, y := s.put(t, dense, d, a), s.out(d, shape...)
	b.Softmax(y.view, x, log)
	s.check(t, y, softmaxed(a, log), tol.of(d))
	s.free(x, y.base)
}

func (s *suite) softmaxGrad(t *testing.T, b backend.Softmaxer, d tensor.DType, log bool, shape []int) {
	a, g := normals(31, shape...), normals(32, shape...).rounded(d)
	out := softmaxed(a, log).rounded(d)
	want, at, width := newArray(shape...), 0, shape[len(shape)-1]
	out.eachRow(func(y []float64) {
		dy, dx := g.data[at:at+width], want.data[at:at+width]
		var sum float64
		for i := range y {
			if log {
				sum += dy[i]
			} else {
				sum += dy[i] * y[i]
			}
		}
		for i := range y {
			if log {
				dx[i] = dy[i] - math.Exp(y[i])*sum
			} else {
				dx[i] = y[i] * (dy[i] - sum)
			}
		}
		at += width
	})
	y, dy, dx := s.put(t, dense, d, out), s.put(t, dense, d, g), s.out(d, shape...)
	b.SoftmaxGrad(dx.view, y, dy, log)
	s.check(t, dx, want, tolerance{2e-6, 1e-13}.of(d))
	s.free(y, dy, dx.base)
}

func normalised(x, w, b array, eps float64) (y, mean, rstd array) {
	y = x.mapped(func(v float64) float64 { return v })
	n := x.shape[0]
	mean, rstd = newArray(n), newArray(n)
	row := 0
	y.eachRow(func(v []float64) {
		var m, q float64
		for _, e := range v {
			m += e / float64(len(v))
		}
		for _, e := range v {
			q += (e - m) * (e - m) / float64(len(v))
		}
		r := 1 / math.Sqrt(q+eps)
		for i := range v {
			v[i] = (v[i]-m)*r*w.data[i] + b.data[i]
		}
		mean.data[row], rstd.data[row] = m, r
		row++
	})
	return y, mean, rstd
}

// layerNorm tests values within 1e-5 (float32), of rows far from zero too, and
// gradients against differences.
func (s *suite) layerNorm(t *testing.T) {
	b := ability[backend.LayerNormer](s, t)
	for _, d := range floats {
		for _, shape := range [][2]int{{1, 1}, {1, 7}, {5, 6}, {3, 16}, {0, 5}, {65, 33}, {3, 1000}, {300, 130}} {
			for _, shift := range []float64{0, 10} {
				t.Run(fmt.Sprint(d, shape, shift), func(t *testing.T) { s.layerNormCase(t, b, d, shape[0], shape[1], shift) })
			}
		}
	}
}

func (s *suite) layerNormCase(t *testing.T, b backend.LayerNormer, d tensor.DType, n, h int, shift float64) {
	const eps = 1e-3
	x := normals(33, n, h).mapped(func(v float64) float64 { return 2*v + shift }).rounded(d)
	w, bias, g := normals(34, h).rounded(d), normals(35, h).rounded(d), normals(36, n, h).rounded(d)
	y, mean, rstd := normalised(x, w, bias, eps)
	tx, tw, tb, tg := s.put(t, dense, d, x), s.put(t, dense, d, w), s.put(t, dense, d, bias), s.put(t, dense, d, g)
	ty, tm, tr := s.out(d, n, h), s.out(d, n), s.out(d, n)
	b.LayerNorm(ty.view, tm.view, tr.view, tx, tw, tb, eps)
	tol := tolerance{2e-5, 1e-12}.of(d)
	s.check(t, ty, y, tol)
	s.check(t, tm, mean, tol)
	s.check(t, tr, rstd, tol)

	loss := func() float64 {
		y, _, _ := normalised(x, w, bias, eps)
		return dot(y, g)
	}
	for wanted := range 8 {
		dx, dw, db := s.out(d, n, h), s.out(d, h), s.out(d, h)
		pick := func(bit int, r room) *tensor.Tensor {
			if wanted>>bit&1 == 1 {
				return r.view
			}
			return nil
		}
		b.LayerNormGrad(pick(0, dx), pick(1, dw), pick(2, db), tx, tw, tm.view, tr.view, tg)
		for bit, of := range []struct {
			name string
			r    room
			at   array
		}{{"x", dx, x}, {"w", dw, w}, {"b", db, bias}} {
			if wanted == 7 || pick(bit, of.r) != nil && len(x.data) < 100 {
				checkSlopes(t, of.name, d, s.get(t, of.r.view), of.at, loss)
			}
		}
		s.free(dx.base, dw.base, db.base)
	}
	s.free(tx, tw, tb, tg, ty.base, tm.base, tr.base)
}

// crossEntropy tests losses within 2e-6 (float32) and gradients by their
// formula.
func (s *suite) crossEntropy(t *testing.T) {
	b := ability[backend.CrossEntropyer](s, t)
	for _, d := range floats {
		for _, shape := range [][2]int{{1, 1}, {1, 7}, {5, 3}, {0, 5}, {65, 33}, {4, 1000}, {300, 130}, {3, 50257}} {
			t.Run(fmt.Sprint(d, shape), func(t *testing.T) { s.crossEntropyCase(t, b, d, shape[0], shape[1]) })
		}
	}
}

func (s *suite) crossEntropyCase(t *testing.T, b backend.CrossEntropyer, d tensor.DType, n, v int) {
	a := normals(37, n, v).mapped(func(v float64) float64 { return 4 * v }).rounded(d)
	for i := range len(a.data) / 2 {
		a.data[i] = round(d, a.data[i]+300)
	}
	targets, g := integers(38, 0, v, n), normals(39, n).rounded(d)
	loss, lse, grad := newArray(n), newArray(n), softmaxed(a, false)
	row := 0
	a.eachRow(func(x []float64) {
		lse.data[row] = logSum(x)
		loss.data[row] = lse.data[row] - x[int(targets.data[row])]
		row++
	})
	row = 0
	grad.eachRow(func(x []float64) {
		x[int(targets.data[row])]--
		for i := range x {
			x[i] *= g.data[row]
		}
		row++
	})
	x, k, dl := s.put(t, dense, d, a), s.put(t, dense, tensor.Int32, targets), s.put(t, dense, d, g)
	tl, te, dx := s.out(d, n), s.out(d, n), s.out(d, n, v)
	b.CrossEntropy(tl.view, te.view, x, k)
	// The loss is a difference of numbers of about 300.
	s.check(t, tl, loss, tolerance{1e-4, 1e-12}.of(d))
	s.check(t, te, lse, tolerance{2e-6, 1e-13}.of(d))
	b.CrossEntropyGrad(dx.view, x, te.view, k, dl)
	s.check(t, dx, grad, tolerance{1e-4, 1e-11}.of(d))
	s.free(x, k, dl, tl.base, te.base, dx.base)
}
