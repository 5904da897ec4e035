package backendtest

import (
	"testing"

	"github.com/tiller-ml/tiller/tensor"
)

// lookups are the shapes of table and index.
var lookups = [][2][]int{
	{{5, 3}, {4}}, {{5, 3}, {}}, {{5, 3}, {2, 3}}, {{5}, {7}}, {{5}, {}}, {{9, 2, 3}, {4, 2}}, {{5, 3}, {0}}, {{5, 0}, {4}},
	{{1, 3}, {6}}, {{300, 130}, {257}}, {{7, 1000}, {100}}, {{50, 4, 2}, {3, 1, 5}},
}

// gather tests Gather over views of all three operands.
func (s *suite) gather(t *testing.T) {
	for _, d := range numbers {
		for _, c := range lookups {
			eachLayout(min(len(c[0]), len(c[1])), func(l layout) {
				table, index := integers(19, -100, 100, c[0]...), integers(20, 0, c[0][0], c[1]...)
				shape := append(append([]int{}, c[1]...), c[0][1:]...)
				want := build(shape, func(i []int) float64 { return table.at(row(index, i)...) })
				x, k := s.put(t, l, d, table), s.put(t, other(l, 1, len(c[1])), tensor.Int32, index)
				dst := s.room(other(l, 2, len(shape)), d, shape...)
				s.b.Gather(dst.view, x, k)
				s.check(t, dst, want, 0)
				s.free(x, k, dst.base)
			})
		}
	}
}

// row turns an index of (I..., rest...) into one of (V, rest...).
func row(index array, i []int) []int {
	n := len(index.shape)
	return append([]int{int(index.at(i[:n]...))}, i[n:]...)
}

// scatterAdd tests ScatterAdd, with repeated indices, over views of all three
// operands. The sums are in the order of the indices, so the oracle, rounding
// each sum to the dtype, gives the same bits.
func (s *suite) scatterAdd(t *testing.T) {
	for _, d := range floats {
		for _, c := range lookups {
			eachLayout(min(len(c[0]), len(c[1])), func(l layout) {
				table, index := normals(21, c[0]...).rounded(d), integers(22, 0, (c[0][0]+1)/2, c[1]...)
				shape := append(append([]int{}, c[1]...), c[0][1:]...)
				src := normals(23, shape...).rounded(d)
				dst, x := s.fill(t, l, d, table), s.put(t, other(l, 2, len(shape)), d, src)
				k := s.put(t, other(l, 1, len(c[1])), tensor.Int32, index)
				s.b.ScatterAdd(dst.view, x, k)
				at := 0
				each(shape, func(i []int) {
					to := table.flat(row(index, i))
					table.data[to] = round(d, table.data[to]+src.data[at])
					at++
				})
				s.check(t, dst, table, 0)
				s.free(dst.base, x, k)
			})
		}
	}
}
