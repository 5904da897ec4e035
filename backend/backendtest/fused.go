package backendtest

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// ability is the backend as an optional interface; the test is skipped where it
// is not one.
func ability[A any](s *suite, t *testing.T) A {
	a, ok := s.b.(A)
	if !ok {
		t.Skipf("%s has no %T", s.b.Name(), &a)
	}
	return a
}

// Gradients are compared with central differences of the float64 oracle, which
// are good to about 1e-8.
var slopeTolerance = tolerance{2e-4, 1e-6}

const slopeStep = 1e-5

// checkSlopes compares got with the derivative of loss by the elements of at:
// of each one where there are few, else along some random directions.
func checkSlopes(t *testing.T, name string, d tensor.DType, got, at array, loss func() float64) {
	t.Helper()
	if len(at.data) <= 64 {
		want := newArray(got.shape...)
		for i, v := range at.data {
			at.data[i] = v + slopeStep
			up := loss()
			at.data[i] = v - slopeStep
			want.data[i] = (up - loss()) / (2 * slopeStep)
			at.data[i] = v
		}
		same(t, want, got, slopeTolerance.of(d))
		return
	}
	for seed := range uint64(3) {
		checkDirection(t, name, d, got, at, normals(1000+seed, at.shape...), loss)
	}
}

func checkDirection(t *testing.T, name string, d tensor.DType, got, at, dir array, loss func() float64) {
	t.Helper()
	old := append([]float64{}, at.data...)
	shifted := func(by float64) float64 {
		for i, v := range old {
			at.data[i] = v + by*dir.data[i]
		}
		return loss()
	}
	want := (shifted(slopeStep) - shifted(-slopeStep)) / (2 * slopeStep)
	copy(at.data, old)
	var sum, size float64
	for i, g := range got.data {
		sum += g * dir.data[i]
		size += g * dir.data[i] * g * dir.data[i]
	}
	require.InDelta(t, want, sum, slopeTolerance.of(d)*max(1, math.Sqrt(size)), "gradient of %s along a direction", name)
}

// dot is the sum of products, a loss whose gradient by a is b.
func dot(a, b array) float64 {
	var sum float64
	for i, v := range a.data {
		sum += v * b.data[i]
	}
	return sum
}

// dropouts are the ways to give a site its multipliers: none, by key, by mask.
type dropouts struct {
	name  string
	p     float64
	given bool
}

var dropoutCases = []dropouts{{"off", 0, false}, {"key", 0.3, false}, {"mask", 0.4, true}}

// site makes a Dropout over a shape, and its multipliers for the oracle.
func (s *suite) site(t *testing.T, c dropouts, d tensor.DType, seed uint64, shape ...int) (backend.Dropout, array) {
	key := tensor.Key{Seed: seed, Step: 5, Site: 9}
	i := 0
	factors := build(shape, func([]int) float64 {
		i++
		if c.p == 0 {
			return 1
		}
		return multiplier(d, c.p, key, uint64(i-1))
	})
	drop := backend.Dropout{P: c.p, Key: key}
	if c.given {
		drop = backend.Dropout{P: c.p, Mask: s.put(t, dense, d, factors)}
	}
	return drop, factors
}

func (s *suite) freeSites(sites ...backend.Dropout) {
	for _, d := range sites {
		s.free(d.Mask)
	}
}

// out is a dense destination.
func (s *suite) out(d tensor.DType, shape ...int) room { return s.room(dense, d, shape...) }
