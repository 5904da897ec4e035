//go:build cgo && linux

package cublas

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// TestToBFloat16 rounds numbers that lie just beside a tie, where a float32 would
// lie on it.
func TestToBFloat16(t *testing.T) {
	b := open(t)
	numbers := []float64{1 + 1./256 - 1e-12, 1 + 1./256 + 1e-12, 1 + 3./256 - 1e-12, 1 + 3./256 + 1e-12, -1 - 3./256 + 1e-12}
	x, y := backend.New(b, tensor.Float64, len(numbers)), backend.New(b, tensor.BFloat16, len(numbers))
	defer b.Free(x.Buf)
	defer b.Free(y.Buf)
	require.NoError(t, b.Write(x, tensor.Bytes(numbers)))
	b.Copy(y, x)
	want := []float64{1, 1 + 1./128, 1 + 1./128, 1 + 2./128, -1 - 1./128}
	assert.Equal(t, want, values(t, b, y)[0])
	for i, v := range numbers {
		b.Fill(y, v)
		assert.Equal(t, want[i], values(t, b, y)[0][0])
	}
}

// TestBlocksAreFilledUp looks at what stands behind the last element of a row.
func TestBlocksAreFilledUp(t *testing.T) {
	b := open(t)
	x, plain := backend.New(b, tensor.Int8, 2, 40), backend.New(b, tensor.Float32, 2, 40)
	defer b.Free(x.Buf)
	defer b.Free(plain.Buf)
	b.Fill(plain, math.Pi)
	for name, write := range map[string]func(){"Fill": func() { b.Fill(x, math.Pi) }, "Copy": func() { b.Copy(x, plain) }} {
		write()
		raw := make([]byte, 4*36)
		require.NoError(t, b.Read(raw, x))
		for i, v := range raw {
			switch block, at := i/36, i%36; {
			case at < 4:
			case block%2 == 0 || at < 4+40-32:
				assert.EqualValues(t, 127, v, "%s: byte %d", name, i)
			default:
				assert.Zero(t, v, "%s: byte %d", name, i)
			}
		}
	}
}
