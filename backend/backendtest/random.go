package backendtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

var distCases = map[backend.DistKind]struct {
	constants [][2]float64
	want      func(d backend.Dist, key tensor.Key, i uint64) float64
}{
	backend.Uniform: {[][2]float64{{0, 1}, {-0.1, 0.1}, {3, 3.7}}, func(d backend.Dist, key tensor.Key, i uint64) float64 {
		return d.A + float64((d.B-d.A)*key.Uniform(i))
	}},
	backend.Normal: {[][2]float64{{0, 1}, {0.3, 0.02}}, func(d backend.Dist, key tensor.Key, i uint64) float64 {
		return d.A + float64(d.B*key.Normal(i))
	}},
	backend.Mask: {[][2]float64{{0.1}, {0.5}, {0.65}, {0}}, nil},
}

var keys = []tensor.Key{{}, {Seed: 42, Step: 7, Site: 3}, {Seed: 0xfedcba9876543210, Step: 0xffffffff, Site: 0x80000001}}

// random tests every distribution bit for bit.
func (s *suite) random(t *testing.T) {
	for kind := range backend.DistKinds {
		require.Contains(t, distCases, kind, "no case for a distribution")
		for _, d := range floats {
			for _, constants := range distCases[kind].constants {
				t.Run(fmt.Sprintf("%d%v/%v", kind, constants, d), func(t *testing.T) {
					dist := backend.Dist{Kind: kind, A: constants[0], B: constants[1]}
					for _, key := range keys {
						for _, shape := range [][]int{{}, {0}, {1}, {2}, {3}, {5}, {7, 9}, {40003}} {
							s.randomCase(t, d, dist, key, shape)
						}
					}
				})
			}
		}
	}
}

func (s *suite) randomCase(t *testing.T, d tensor.DType, dist backend.Dist, key tensor.Key, shape []int) {
	want := newArray(shape...)
	for i := range want.data {
		if dist.Kind == backend.Mask {
			want.data[i] = multiplier(d, dist.A, key, uint64(i))
			continue
		}
		want.data[i] = round(d, distCases[dist.Kind].want(dist, key, uint64(i)))
	}
	dst := s.room(dense, d, shape...)
	s.b.Random(dst.view, dist, key)
	s.check(t, dst, want, 0)
	if len(shape) > 0 {
		longer := s.room(layouts[1], d, shape...)
		s.b.Random(longer.view, dist, key)
		s.check(t, longer, want, 0)
		s.free(longer.base)
	}
	s.free(dst.base)
}

// multiplier is element i of a dropout mask: 1/keep where the stream's number i
// is below keep = 1-p in float32, else 0. The quotient is the dtype's.
func multiplier(d tensor.DType, p float64, key tensor.Key, i uint64) float64 {
	keep := float32(1 - p)
	if float32(key.Uniform(i)) >= keep {
		return 0
	}
	if d == tensor.Float32 {
		return float64(1 / keep)
	}
	return 1 / float64(keep)
}
