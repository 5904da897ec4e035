package torchfile

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A shape whose product overflows to 0 is not an empty tensor.
func TestViewCheck(t *testing.T) {
	for _, c := range []struct {
		name           string
		shape, strides []int
		err            string
	}{
		{"fits", []int{2, 2}, []int{2, 1}, ""},
		{"empty", []int{1 << 40, 0}, []int{1, 1}, ""},
		{"beyond", []int{2, 3}, []int{3, 1}, "it reaches beyond the 4 elements"},
		{"overlaps", []int{8}, []int{0}, "its elements overlap: there are 4"},
		{"overflows to nothing", []int{1 << 32, 1 << 32}, []int{0, 0}, "it is larger than memory"},
	} {
		err := (&view{storage: &storage{n: 4}, shape: c.shape, strides: c.strides}).check()
		if c.err == "" {
			assert.NoError(t, err, c.name)
			continue
		}
		assert.EqualError(t, err, c.err, c.name)
	}
}
