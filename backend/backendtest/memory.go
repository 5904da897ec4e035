package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

var shapes = [][]int{
	{}, {1}, {7}, {0}, {3, 0, 2}, {0, 5}, {5, 0}, {1, 1}, {5, 3}, {2, 3, 4}, {33, 65}, {2, 1, 3, 4}, {2, 3, 1, 2, 5}, {1100},
}

// memory tests that buffers have the length asked for, that what was freed can
// be had again, and that no two buffers share elements.
func (s *suite) memory(t *testing.T) {
	require.NotEmpty(t, s.b.Name())
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32, tensor.BFloat16} {
		for _, n := range []int{0, 1, 3, 64, 1000, 70001} {
			buf, err := s.b.Alloc(d, n)
			require.NoError(t, err)
			require.Equal(t, n, buf.Len())
			s.b.Free(buf)
		}
	}
	const rounds, live = 40, 9
	var held [live]*tensor.Tensor
	for i := range rounds * live {
		k := i * 7 % live
		if held[k] != nil {
			want := newArray(held[k].Shape...).mapped(func(float64) float64 { return float64(i - live) })
			same(t, want, s.get(t, held[k]), 0)
			s.free(held[k])
		}
		held[k] = s.room(dense, tensor.Float32, 1+i%5*50, 17).view
		s.b.Fill(held[k], float64(i))
	}
	s.free(held[:]...)
}

// readWrite tests Read and Write of views against the naive index map.
func (s *suite) readWrite(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Int32} {
		for _, shape := range shapes {
			eachLayout(len(shape), func(l layout) {
				outer := l.outer(shape)
				whole := integers(1, -50, 50, outer...)
				base := s.put(t, dense, d, whole)
				view := l.view(base, shape)
				same(t, build(shape, func(index []int) float64 { return whole.data[offset(view, index)] }), s.get(t, view), 0)

				fresh := integers(2, 100, 200, shape...)
				require.NoError(t, s.b.Write(view, encode(d, fresh.data)))
				i := 0
				each(shape, func(index []int) {
					whole.data[offset(view, index)] = fresh.data[i]
					i++
				})
				same(t, whole, s.get(t, base), 0)
				s.free(base)
			})
		}
	}
	x := s.put(t, dense, tensor.Float32, integers(3, 0, 9, 1, 4))
	repeated := x.Broadcast(3, 4)
	same(t, build([]int{3, 4}, func(i []int) float64 { return float64(s.get(t, x).data[i[1]]) }), s.get(t, repeated), 0)
	s.free(x)
}
