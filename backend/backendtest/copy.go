package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/tensor"
)

var dtypes = []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32, tensor.BFloat16}

// copies tests Copy between all layouts of one dtype and between all dtypes.
// Conversions are exact: rounded to nearest even, int32 cut towards zero.
func (s *suite) copies(t *testing.T) {
	for _, shape := range append(shapes, []int{70, 130}, []int{3, 40, 50}) {
		a := integers(4, -100, 100, shape...)
		eachLayout(len(shape), func(from layout) {
			eachLayout(len(shape), func(to layout) {
				d := dtypes[len(from.name+to.name)%len(dtypes)]
				x, dst := s.put(t, from, d, a), s.room(to, d, shape...)
				s.b.Copy(dst.view, x)
				s.check(t, dst, a, 0)
				s.free(x, dst.base)
			})
		})
	}
	for _, from := range dtypes {
		for _, to := range dtypes {
			t.Run(fmt.Sprintf("%v to %v", from, to), func(t *testing.T) { s.conversion(t, from, to) })
		}
	}
	x := s.put(t, dense, tensor.Float32, integers(5, 0, 9, 4, 1))
	dst := s.room(dense, tensor.Float64, 2, 4, 3)
	s.b.Copy(dst.view, x.Broadcast(2, 4, 3))
	s.check(t, dst, build([]int{2, 4, 3}, func(i []int) float64 { return s.get(t, x).data[i[1]] }), 0)
	s.free(x, dst.base)
}

func (s *suite) conversion(t *testing.T, from, to tensor.DType) {
	a := normals(6, 41, 29).mapped(func(v float64) float64 { return v * 1000 })
	edges := []float64{0, 1, -1, 0.5, 1 + 1./256, 1 + 3./256, 1 + 1./256 + 1e-12, -1 - 1./256 + 1e-12, 1 << 24, 1<<24 + 1, 255.5, 257, 16777217 * 3}
	if from.IsFloat() && to.IsFloat() {
		edges = append(edges, math.NaN(), math.Inf(1), math.Inf(-1), 3.4e38, -3.4e38, 1e-40, 5e-41, 1e-45)
	}
	copy(a.data, edges)
	if from == tensor.Float64 && to.IsFloat() {
		copy(a.data[100:], []float64{1e300, -1e300, 1e-300, -1e-300, math.Nextafter(1+1./256, 2), math.Nextafter(1+1./256, 0)})
	}
	a = a.rounded(from)
	eachLayout(2, func(l layout) {
		x, dst := s.put(t, l, from, a), s.room(other(l, 1, 2), to, a.shape...)
		s.b.Copy(dst.view, x)
		s.check(t, dst, a.rounded(to), 0)
		s.free(x, dst.base)
	})
}

// fills tests Fill, with the value rounded to the dtype.
func (s *suite) fills(t *testing.T) {
	for _, d := range dtypes {
		for _, shape := range append(shapes, []int{40003}) {
			eachLayout(len(shape), func(l layout) {
				dst := s.room(l, d, shape...)
				s.b.Fill(dst.view, -3.3)
				s.check(t, dst, newArray(shape...).mapped(func(float64) float64 { return round(d, -3.3) }), 0)
				s.free(dst.base)
			})
		}
	}
	dst := s.room(dense, tensor.Float32, 5)
	s.b.Fill(dst.view, math.Inf(-1))
	s.check(t, dst, newArray(5).mapped(func(float64) float64 { return math.Inf(-1) }), 0)
	s.free(dst.base)
}
