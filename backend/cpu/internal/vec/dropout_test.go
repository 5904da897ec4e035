package vec

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

func TestDropoutMaskAgainstKey(t *testing.T) {
	key := tensor.Key{Seed: 0x0123456789abcdef, Step: 77, Site: 5}
	for _, block := range []uint64{0, 1, math.MaxUint32 - 3, 1<<40 + 1, math.MaxUint64 - 2} {
		for _, keep := range []float32{0, 0.1, 0.5, 0.9, 1} {
			eachImplementation(t, func(t *testing.T) {
				for n := range 2*longest + 1 {
					dst := make([]float32, n)
					DropoutMask(dst, 0x89abcdef, 0x01234567,
						[4]uint32{uint32(block), uint32(block >> 32), key.Site, key.Step}, keep)
					for i, v := range dst {
						want := float32(0)
						if tensor.Unit(key.Block(block + uint64(i/4))[i%4]) < float64(keep) {
							want = 1 / keep
						}
						require.Equal(t, want, v, "block %d, keep %g, element %d of %d", block, keep, i, n)
					}
				}
			})
		}
	}
}

func TestDropoutMaskInPieces(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		whole, pieces := make([]float32, 1000), make([]float32, 1000)
		ctr := [4]uint32{math.MaxUint32 - 100, 7, 8, 9}
		DropoutMask(whole, 1, 2, ctr, 0.6)
		for start := 0; start < len(pieces); start += 124 {
			block := uint64(ctr[0]) + uint64(ctr[1])<<32 + uint64(start/4)
			end := min(start+124, len(pieces))
			DropoutMask(pieces[start:end], 1, 2, [4]uint32{uint32(block), uint32(block >> 32), 8, 9}, 0.6)
		}
		assert.Equal(t, whole, pieces)
	})
}

func TestDropoutMaskRate(t *testing.T) {
	const n, keep = 1 << 20, 0.7
	mask := make([]float32, n)
	DropoutMask(mask, 3, 4, [4]uint32{}, keep)
	deviation := math.Sqrt((1 - keep) / keep / n) // of the mean of n masks
	assert.InDelta(t, 1, SumFloat64(mask)/n, 4*deviation)
}
