package tensor_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/tensor"
)

// The known answers of Random123 1.14 for philox4x32-10 (kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	const ones = 0xffffffff
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{ones, ones, ones, ones}, [2]uint32{ones, ones}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		assert.Equal(t, c.want, tensor.Philox(c.ctr, c.key))
	}
}

// A key's words take their places in counter and key.
func TestBlockIsPhiloxOfTheKey(t *testing.T) {
	k := tensor.Key{Seed: 0x299f31d0a4093822, Site: 0x13198a2e, Step: 0x03707344}
	assert.Equal(t, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}, k.Block(0x85a308d3243f6a88))
}

func TestStreamsFollowFromBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := tensor.Key{Seed: rapid.Uint64().Draw(t, "seed"), Step: rapid.Uint32().Draw(t, "step"), Site: rapid.Uint32().Draw(t, "site")}
		i := rapid.Uint64Max(1<<40).Draw(t, "i")
		word := k.Block(i / 4)[i%4]
		u := k.Uniform(i)
		assert.Equal(t, float64(word/256)/16777216, u)
		assert.True(t, u >= 0 && u < 1)
		assert.Equal(t, u, float64(float32(u)), "float32 holds it")
		a, b := k.Block(2 * i / 4)[2*i%4], k.Block((2*i + 1) / 4)[(2*i+1)%4]
		assert.Equal(t, tensor.BoxMuller(a, b), k.Normal(i))
	})
}

func TestBoxMullerIsFinite(t *testing.T) {
	for _, a := range []uint32{0, 1, 1 << 31, math.MaxUint32} {
		for _, b := range []uint32{0, 1, 1 << 30, 1 << 31, math.MaxUint32} {
			z := tensor.BoxMuller(a, b)
			assert.False(t, math.IsNaN(z) || math.IsInf(z, 0))
			assert.LessOrEqual(t, math.Abs(z), 6.8)
		}
	}
}

// moments are the mean, variance, skewness and kurtosis of n numbers.
func moments(n int, f func(i uint64) float64) (m [4]float64) {
	for i := range n {
		m[0] += f(uint64(i)) / float64(n)
	}
	for i := range n {
		d := f(uint64(i)) - m[0]
		m[1] += d * d / float64(n)
		m[2] += d * d * d / float64(n)
		m[3] += d * d * d * d / float64(n)
	}
	m[2] /= math.Pow(m[1], 1.5)
	m[3] /= m[1] * m[1]
	return m
}

// Each moment lies within five of its standard errors.
func TestMoments(t *testing.T) {
	const n = 200000
	k := tensor.Key{Seed: 2026, Step: 1, Site: 4}
	normal, uniform := moments(n, k.Normal), moments(n, k.Uniform)
	for i, se := range []float64{1, math.Sqrt2, math.Sqrt(6), math.Sqrt(24)} {
		assert.InDelta(t, []float64{0, 1, 0, 3}[i], normal[i], 5*se/math.Sqrt(n), "normal, moment %d", i+1)
	}
	for i, want := range []float64{0.5, 1. / 12, 0, 1.8} {
		assert.InDelta(t, want, uniform[i], 5*3/math.Sqrt(n), "uniform, moment %d", i+1)
	}
}

// Keys that differ in one part give streams that do not correlate.
func TestKeysAreIndependent(t *testing.T) {
	const n = 20000
	base := tensor.Key{Seed: 1, Step: 2, Site: 3}
	for name, k := range map[string]tensor.Key{
		"seed": {Seed: 2, Step: 2, Site: 3}, "high seed": {Seed: 1 + 1<<32, Step: 2, Site: 3},
		"step": {Seed: 1, Step: 3, Site: 3}, "site": {Seed: 1, Step: 2, Site: 4},
		"step and site exchanged": {Seed: 1, Step: 3, Site: 2},
	} {
		var sum float64
		for i := range uint64(n) {
			sum += base.Normal(i) * k.Normal(i)
		}
		assert.InDelta(t, 0, sum/n, 5/math.Sqrt(n), name)
	}
}
