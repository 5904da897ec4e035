package tensor_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/tensor"
)

// memory is a buffer of so many elements, numbered by their place.
type memory int

func (m memory) Len() int { return int(m) }

// places lists where a tensor's elements lie, row-major: the naive index map.
func places(x *tensor.Tensor) []int {
	var list []int
	var walk func(axis, at int)
	walk = func(axis, at int) {
		if axis == len(x.Shape) {
			list = append(list, at)
			return
		}
		for i := range x.Shape[axis] {
			walk(axis+1, at+i*x.Strides[axis])
		}
	}
	walk(0, x.Offset)
	return list
}

func drawShape(t *rapid.T, label string) []int {
	return rapid.SliceOfN(rapid.IntRange(0, 4), 0, 5).Draw(t, label)
}

// drawView is a dense tensor or a view of one, reached by random steps.
func drawView(t *rapid.T) *tensor.Tensor {
	shape := drawShape(t, "shape")
	x := tensor.New(memory(tensor.Size(shape)), tensor.Float32, shape...)
	for range rapid.IntRange(0, 3).Draw(t, "steps") {
		if x.Rank() == 0 {
			return x
		}
		axis := rapid.IntRange(0, x.Rank()-1).Draw(t, "axis")
		switch rapid.IntRange(0, 2).Draw(t, "step") {
		case 0:
			x = x.Permute(drawPermutation(t, x.Rank())...)
		case 1:
			lo := rapid.IntRange(0, x.Shape[axis]).Draw(t, "lo")
			x = x.Slice(axis, lo, rapid.IntRange(lo, x.Shape[axis]).Draw(t, "hi"))
		case 2:
			if x.Shape[axis] == 1 {
				wide := slices.Clone(x.Shape)
				wide[axis] = 3
				x = x.Broadcast(wide...)
			}
		}
	}
	return x
}

func drawPermutation(t *rapid.T, n int) []int {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	return rapid.Permutation(perm).Draw(t, "perm")
}

// pick is the index of one element of a shape without zeros.
func pick(t *rapid.T, shape []int) []int {
	index := make([]int, len(shape))
	for d, n := range shape {
		index[d] = rapid.IntRange(0, n-1).Draw(t, "index")
	}
	return index
}

func at(x *tensor.Tensor, index []int) int {
	place := x.Offset
	for d, i := range index {
		place += i * x.Strides[d]
	}
	return place
}

func TestPermuteMovesIndices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		perm := drawPermutation(t, x.Rank())
		y := x.Permute(perm...)
		for i, p := range perm {
			require.Equal(t, x.Shape[p], y.Shape[i])
		}
		if y.Len() == 0 {
			return
		}
		index := pick(t, y.Shape)
		from := make([]int, len(index))
		for i, p := range perm {
			from[p] = index[i]
		}
		require.Equal(t, at(x, from), at(y, index))
	})
}

func TestTransposeTwiceIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		if x.Rank() < 2 {
			require.Panics(t, func() { x.Transpose() })
			return
		}
		require.Empty(t, cmp.Diff(places(x), places(x.Transpose().Transpose())))
		perm := []int{0, 1, 2, 3, 4}[:x.Rank()]
		perm = slices.Clone(perm)
		perm[x.Rank()-1], perm[x.Rank()-2] = perm[x.Rank()-2], perm[x.Rank()-1]
		require.Empty(t, cmp.Diff(places(x.Permute(perm...)), places(x.Transpose())))
	})
}

func TestSliceShiftsIndices(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		if x.Rank() == 0 {
			return
		}
		axis := rapid.IntRange(-x.Rank(), x.Rank()-1).Draw(t, "axis")
		n := x.Dim(axis)
		lo := rapid.IntRange(0, n).Draw(t, "lo")
		y := x.Slice(axis, lo, rapid.IntRange(lo, n).Draw(t, "hi"))
		if y.Len() == 0 {
			return
		}
		index := pick(t, y.Shape)
		from := slices.Clone(index)
		from[x.Axis("test", axis)] += lo
		require.Equal(t, at(x, from), at(y, index))
	})
}

func TestBroadcastRepeats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		lead := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 2).Draw(t, "lead")
		shape := append(slices.Clone(lead), x.Shape...)
		for i := range x.Shape {
			if x.Shape[i] == 1 {
				shape[len(lead)+i] = rapid.IntRange(0, 3).Draw(t, "length")
			}
		}
		y := x.Broadcast(shape...)
		require.Equal(t, shape, y.Shape)
		require.Equal(t, shape, tensor.BroadcastShape("test", shape, x.Shape))
		if y.Len() == 0 {
			return
		}
		index := pick(t, shape)
		from := slices.Clone(index[len(lead):])
		for i, n := range x.Shape {
			if n == 1 {
				from[i] = 0
			}
		}
		require.Equal(t, at(x, from), at(y, index))
	})
}

// split draws a shape of n elements.
func split(t *rapid.T, n int) []int {
	var shape []int
	for range rapid.IntRange(0, 5).Draw(t, "axes") {
		var divisors []int
		for d := 1; d <= n; d++ {
			if n%d == 0 {
				divisors = append(divisors, d)
			}
		}
		if n == 0 {
			divisors = []int{0, 1, 2, 3}
		}
		d := rapid.SampledFrom(divisors).Draw(t, "length")
		shape = append(shape, d)
		if d > 0 {
			n /= d
		}
	}
	return append(shape, n)
}

func TestReshapeKeepsTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		shape := split(t, x.Len())
		if !x.CanReshape(shape...) {
			require.False(t, x.Contiguous())
			require.Panics(t, func() { x.Reshape(shape...) })
			return
		}
		y := x.Reshape(shape...)
		require.Equal(t, shape, y.Shape)
		require.Empty(t, cmp.Diff(places(x), places(y)))
	})
}

// Reshape copies nothing that strides can say: when the elements' places form a
// row-major pattern of the new shape, it must be found.
func TestReshapeFindsStrides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		if x.Len() == 0 {
			return
		}
		shape := split(t, x.Len())
		list := places(x)
		strides, step := make([]int, len(shape)), 1
		for d := len(shape) - 1; d >= 0; d-- {
			if shape[d] > 1 {
				strides[d] = list[step] - list[0]
			}
			step *= shape[d]
		}
		pattern := &tensor.Tensor{Shape: shape, Strides: strides, Offset: list[0]}
		require.Equal(t, slices.Equal(places(pattern), list), x.CanReshape(shape...))
	})
}

func TestContiguousIsDense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := drawView(t)
		dense := true
		for i, place := range places(x) {
			dense = dense && place == x.Offset+i
		}
		if x.Len() > 0 {
			require.Equal(t, dense, x.Contiguous())
		}
	})
}

func TestReshapeInfersOneLength(t *testing.T) {
	x := tensor.New(memory(24), tensor.Float32, 2, 3, 4)
	for _, c := range []struct{ ask, want []int }{
		{[]int{-1}, []int{24}}, {[]int{6, -1}, []int{6, 4}}, {[]int{-1, 1, 12}, []int{2, 1, 12}}, {[]int{2, 3, 4, -1}, []int{2, 3, 4, 1}},
	} {
		assert.Equal(t, c.want, x.Reshape(c.ask...).Shape)
		assert.True(t, x.CanReshape(c.ask...))
	}
}

func TestMistakesPanicWithTheirShapes(t *testing.T) {
	x := tensor.New(memory(24), tensor.Float32, 2, 3, 4)
	for _, c := range []struct {
		want string
		f    func()
	}{
		{"Reshape [2 3 4]: 24 elements do not fill [5 5]", func() { x.Reshape(5, 5) }},
		{"Reshape [2 3 4]: 24 elements do not fill [5 -1]", func() { x.Reshape(5, -1) }},
		{"Reshape [2 3 4]: 24 elements do not fill [-1 -1]", func() { x.Reshape(-1, -1) }},
		{"Reshape [4 3 2]: strides [1 4 12] cannot become [12 2] without a copy", func() { x.Permute(2, 1, 0).Reshape(12, 2) }},
		{"Permute [2 3 4]: [0 1 1] does not name each axis once", func() { x.Permute(0, 1, 1) }},
		{"Permute [2 3 4]: [0 1] does not name each axis once", func() { x.Permute(0, 1) }},
		{"Slice [2 3 4]: no rows 1:4 of axis 1", func() { x.Slice(1, 1, 4) }},
		{"Slice [2 3 4]: no rows 2:1 of axis 2", func() { x.Slice(-1, 2, 1) }},
		{"Slice [2 3 4]: no axis 3", func() { x.Slice(3, 0, 1) }},
		{"Dim [2 3 4]: no axis -4", func() { x.Dim(-4) }},
		{"Broadcast [2 3 4]: does not fit [3 4]", func() { x.Broadcast(3, 4) }},
		{"Broadcast [2 3 4]: does not fit [2 6 4]", func() { x.Broadcast(2, 6, 4) }},
		{"Add [2 3], [4 3]: shapes do not broadcast", func() { tensor.BroadcastShape("Add", []int{2, 3}, []int{4, 3}) }},
		{"tensor.New [5 5]: a buffer of 24 elements is too small", func() { tensor.New(memory(24), tensor.Float32, 5, 5) }},
		{"tensor.Size [2 -1]: negative length", func() { tensor.Size([]int{2, -1}) }},
	} {
		var err error
		func() {
			defer tensor.Catch(&err)
			c.f()
		}()
		assert.EqualError(t, err, c.want)
	}
}
