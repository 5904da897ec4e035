package vec

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

// TestLengthMismatch gives each routine one slice too long by one.
func TestLengthMismatch(t *testing.T) {
	forEachRoutine(t, func(t *testing.T, r routine) {
		if len(r.roles) == 1 {
			t.Skip("one slice")
		}
		for long := range r.roles {
			b := make([][]float32, len(r.roles))
			for i := range b {
				b[i] = make([]float32, r.length(i, 20))
			}
			b[long] = make([]float32, len(b[long])+1)
			err := caught(func() { r.call(b, nil) })
			var e *tensor.Error
			require.True(t, errors.As(err, &e), "slice %d too long: %v", long, err)
			assert.Contains(t, e.Op, "vec.")
			assert.NotEmpty(t, e.Shapes)
		}
	})
}

func TestDropoutMaskKeep(t *testing.T) {
	for _, keep := range []float32{-0.1, 1.1, float32(math.NaN())} {
		err := caught(func() { DropoutMask(make([]float32, 4), 1, 2, [4]uint32{}, keep) })
		assert.ErrorContains(t, err, "vec.DropoutMask [4]: keep")
	}
}

func caught(f func()) (err error) {
	defer tensor.Catch(&err)
	f()
	return nil
}

func TestNoAllocation(t *testing.T) {
	x, y := make([]float32, 100), make([]float32, 100)
	assert.Zero(t, testing.AllocsPerRun(10, func() {
		Exp(y, x)
		Moments(x)
		DropoutMask(y, 1, 2, [4]uint32{}, 0.5)
		LSTMGates(x, y[:25], y[25:50], y[50:75])
	}))
}
