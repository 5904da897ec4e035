package tensor_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/tensor"
)

type length int

func (n length) Len() int { return int(n) }

func TestBlockSizes(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		shape []int
		room  int
		bytes int
	}{
		{tensor.Float32, []int{3, 5}, 15, 60}, {tensor.BFloat16, []int{3, 5}, 15, 30},
		{tensor.Int8, []int{3, 5}, 96, 108}, {tensor.Int8, []int{3, 32}, 96, 108}, {tensor.Int8, []int{3, 33}, 192, 216},
		{tensor.Int8, []int{2, 3, 64}, 384, 432}, {tensor.Int8, []int{0, 7}, 0, 0}, {tensor.Int8, []int{7, 0}, 0, 0},
	} {
		assert.Equal(t, c.room, c.d.Room(c.shape), "%v %v", c.d, c.shape)
		assert.Equal(t, c.bytes, c.d.Bytes(c.room), "%v %v", c.d, c.shape)
	}
	assert.Equal(t, tensor.Float32, tensor.Int8.Compute())
	assert.Equal(t, tensor.Float32, tensor.BFloat16.Compute())
	assert.Equal(t, tensor.Float64, tensor.Float64.Compute())
}

// Views of blocks keep them whole.
func TestBlockViews(t *testing.T) {
	odd := tensor.New(length(256), tensor.Int8, 4, 40)
	assert.Equal(t, []int{64, 1}, odd.Strides)
	assert.True(t, odd.Contiguous())
	assert.Equal(t, 64, odd.Slice(0, 1, 3).Offset)
	assert.True(t, odd.Slice(0, 1, 3).Contiguous())
	assert.False(t, odd.Transpose().Contiguous())
	assert.Equal(t, 128, odd.Transpose().Slice(1, 2, 4).Offset)
	assert.Equal(t, odd, odd.Slice(1, 0, 40))
	assert.Equal(t, []int{128, 64, 1}, odd.Reshape(2, 2, 40).Strides)
	whole := tensor.New(length(256), tensor.Int8, 4, 64)
	assert.Equal(t, []int{32, 1}, whole.Reshape(8, 32).Strides)

	for name, f := range map[string]func(){
		"a buffer without room for the last block": func() { tensor.New(length(255), tensor.Int8, 4, 40) },
		"a slice through blocks":                   func() { odd.Slice(1, 0, 32) },
		"a slice through a transpose's blocks":     func() { odd.Transpose().Slice(0, 1, 40) },
		"rows joined across their filling":         func() { odd.Reshape(160) },
		"blocks cut":                               func() { whole.Reshape(16, 16) },
		"a transpose in another shape":             func() { whole.Transpose().Reshape(256) },
	} {
		var err error
		func() {
			defer tensor.Catch(&err)
			f()
		}()
		assert.Error(t, err, name)
	}
	assert.False(t, odd.CanReshape(160))
	assert.True(t, whole.CanReshape(2, 128))
}
