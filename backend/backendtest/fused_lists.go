package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// listShapes are those of the tensors of one call; at nilAt there is none.
var listShapes = [][]int{{}, {7}, {0, 3}, {1}, {3, 5}, {90, 101}, {70001}, {33, 2, 4}}

const nilAt = 3

// list makes a tensor for each of listShapes, and its numbers.
func (s *suite) list(t *testing.T, d tensor.DType, seed uint64) ([]*tensor.Tensor, []array) {
	var ts []*tensor.Tensor
	var as []array
	for i, shape := range listShapes {
		as = append(as, normals(seed+uint64(i), shape...).rounded(d))
		ts = append(ts, s.put(t, dense, d, as[i]))
	}
	return ts, as
}

// sumSquares wants the numbers of Reduce, and those without a tensor untouched.
func (s *suite) sumSquares(t *testing.T) {
	b := ability[backend.SquareSummer](s, t)
	for _, d := range floats {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			ts, as := s.list(t, d, 60)
			want, dst := newArray(len(ts)), s.put(t, dense, d, newArray(len(ts)).mapped(func(float64) float64 { return -1 }))
			for i, a := range as {
				want.data[i] = dot(a, a)
			}
			want.data[nilAt] = -1
			given := append([]*tensor.Tensor{}, ts...)
			given[nilAt] = nil
			b.SumSquares(dst, given)
			same(t, want, s.get(t, dst), tolerance{1e-6, 1e-13}.of(d)*70001)
			for i, x := range given {
				if x != nil {
					one := s.out(d, 1)
					s.b.Reduce(backend.SumSquares, one.view, x.Reshape(x.Len()))
					same(t, s.get(t, one.view), s.get(t, dst.Slice(0, i, i+1)), 0)
					s.free(one.base)
				}
			}
			b.SumSquares(dst, nil)
			s.free(append(ts, dst)...)
		})
	}
}

func (s *suite) descend(t *testing.T) {
	b := ability[backend.Descender](s, t)
	for _, d := range floats {
		t.Run(fmt.Sprint(d), func(t *testing.T) {
			xs, x := s.list(t, d, 70)
			us, u := s.list(t, d, 80)
			rates := make([]float64, len(xs))
			for i := range rates {
				rates[i] = math.Ldexp(3, -i)
				for k, v := range u[i].data {
					if i != nilAt {
						x[i].data[k] -= rates[i] * v
					}
				}
			}
			given := append([]*tensor.Tensor{}, us...)
			given[nilAt] = nil
			b.Descend(xs, given, rates)
			for i, t0 := range xs {
				same(t, x[i], s.get(t, t0), tolerance{2e-6, 1e-14}.of(d))
				same(t, u[i], s.get(t, us[i]), 0)
			}
			b.Descend(nil, nil, nil)
			s.free(append(xs, us...)...)
		})
	}
}
