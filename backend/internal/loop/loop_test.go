package loop_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/backend/internal/loop"
	"github.com/tiller-ml/tiller/tensor"
)

type room int

func (n room) Len() int { return int(n) }

func dense(shape ...int) *tensor.Tensor {
	return tensor.New(room(tensor.Size(shape)), tensor.Float32, shape...)
}

// TestElementwise looks at which axes are left of some views.
func TestElementwise(t *testing.T) {
	for _, c := range []struct {
		name    string
		shape   []int
		ts      []*tensor.Tensor
		lengths []int
		strides [][]int
	}{
		{"dense", []int{2, 3, 4}, []*tensor.Tensor{dense(2, 3, 4), dense(2, 3, 4)}, []int{24}, [][]int{{1}, {1}}},
		{"alike transposed", []int{3, 2}, []*tensor.Tensor{dense(2, 3).Transpose(), dense(2, 3).Transpose()}, []int{6}, [][]int{{1}, {1}}},
		{"to transposed", []int{3, 2}, []*tensor.Tensor{dense(2, 3).Transpose(), dense(3, 2)}, []int{2, 3}, [][]int{{3, 1}, {1, 2}}},
		{"bias", []int{5, 2, 3}, []*tensor.Tensor{dense(5, 2, 3), dense(3)}, []int{10, 3}, [][]int{{3, 1}, {0, 1}}},
		{"column", []int{5, 3}, []*tensor.Tensor{dense(5, 3), dense(5, 1)}, []int{5, 3}, [][]int{{3, 1}, {1, 0}}},
		{"scalar", []int{5, 3}, []*tensor.Tensor{dense(5, 3), dense()}, []int{15}, [][]int{{1}, {0}}},
		{"length 1", []int{1, 4, 1}, []*tensor.Tensor{dense(1, 4, 1)}, []int{4}, [][]int{{1}}},
		{"one element", nil, []*tensor.Tensor{dense()}, []int{1}, [][]int{{1}}},
		{"empty", []int{3, 0}, []*tensor.Tensor{dense(3, 0)}, []int{0}, [][]int{{1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var l loop.Loop
			l.Elementwise(c.shape, c.ts...)
			assert.Equal(t, tensor.Size(c.shape), l.Size)
			assert.Equal(t, c.lengths, l.Shape[:l.Rank])
			for k, want := range c.strides {
				assert.Equal(t, want, l.Strides[k][:l.Rank])
			}
		})
	}
}

// TestRuns visits every share of a loop and compares with Offset.
func TestRuns(t *testing.T) {
	x, y := dense(4, 3, 5).Permute(1, 2, 0), dense(5, 1)
	var l loop.Loop
	l.Elementwise(x.Shape, x, y)
	for lo := range l.Size + 1 {
		for hi := lo; hi <= l.Size; hi++ {
			at := lo
			l.Runs(lo, hi, 3, func(off [loop.MaxOperands]int, n int) {
				assert.LessOrEqual(t, n, 3)
				for i := range n {
					for k := range l.Operands {
						assert.Equal(t, l.Offset(k, at), off[k]+i*l.Inner(k))
					}
					at++
				}
			})
			assert.Equal(t, hi, at)
		}
	}
}

func TestTooManyAxes(t *testing.T) {
	var l loop.Loop
	nine := dense(2, 2, 2, 2, 2, 2, 2, 2, 2)
	assert.PanicsWithError(t, "loop: more than 8 axes", func() { l.Elementwise(nine.Shape, nine) })
}

func TestNoAllocations(t *testing.T) {
	x, y := dense(4, 3, 5).Permute(1, 2, 0), dense(5, 1)
	var l loop.Loop
	assert.Zero(t, testing.AllocsPerRun(10, func() { l.Elementwise(x.Shape, x, y) }))
}
