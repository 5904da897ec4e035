package pplm_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

func TestKthLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 12), func(i int) float64 { return float64(i) / 8 }), 1, 60).Draw(t, "p")
		k := rapid.IntRange(1, len(p)).Draw(t, "k")
		before := slices.Clone(p)
		got := pplm.KthLargest(p, k)
		assert.Equal(t, before, p, "changed")
		slices.Sort(before)
		assert.Equal(t, before[len(p)-k], got)
	})
}

func TestKeepTop(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    []float64
		k    int
		want []float64
	}{
		{"all", []float64{0.25, 0.5, 0.25}, 0, []float64{0.25, 0.5, 0.25}},
		{"one", []float64{0.25, 0.5, 0.25}, 1, []float64{0, 1, 0}},
		{"a tie is kept", []float64{0.25, 0.5, 0.25}, 2, []float64{0.25, 0.5, 0.25}},
		{"rescaled", []float64{0.1, 0.3, 0.05, 0.1}, 1, []float64{0, 1, 0, 0}},
		{"more than there are", []float64{0.2, 0.2}, 5, []float64{0.5, 0.5}},
		{"a sum past 1 stays", []float64{0.75, 0.5}, 0, []float64{0.75, 0.5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := slices.Clone(tt.p)
			total, err := pplm.KeepTop(p, tt.k)
			require.NoError(t, err)
			assert.InDeltaSlice(t, tt.want, p, 1e-15)
			sum := 0.0
			for _, x := range p {
				sum += x
			}
			assert.InDelta(t, sum, total, 1e-15)
		})
	}
	_, err := pplm.KeepTop([]float64{0, math.NaN()}, 1)
	assert.EqualError(t, err, "the probabilities add up to NaN")
	_, err = pplm.KeepTop([]float64{0, 0}, 0)
	assert.EqualError(t, err, "the probabilities add up to 0")
}

func TestDrawToken(t *testing.T) {
	p := []float64{0, 0.2, 0, 0.5, 0.3}
	const n = 20000
	counts := make([]float64, len(p))
	for i := range n {
		counts[pplm.DrawToken(p, 1, tensor.Key{Seed: 4}.Uniform(uint64(i)))]++
	}
	for i, want := range p {
		assert.InDelta(t, n*want, counts[i], 4*math.Sqrt(n*want*(1-want)), "token %d", i)
	}
	assert.EqualValues(t, 1, pplm.DrawToken(p, 1, 0), "not one of probability 0")
	assert.EqualValues(t, 4, pplm.DrawToken(p, 1, math.Nextafter(1, 0)))
	assert.EqualValues(t, 3, pplm.DrawToken([]float64{0, 0, 0, 0.1, 0}, 0.2, math.Nextafter(1, 0)), "rounding")
}

// Probabilities that are zero in either distribution leave the divergence and its
// gradient finite.
func TestDivergenceOfZeros(t *testing.T) {
	b := openCPU(t, 1)
	p := backend.FromSlice(b, []float64{1, 0, 0, 0.25, 0.75, 0}, 2, 3)
	q := backend.FromSlice(b, []float64{0.5, 0.5, 0, 0.5, 0, 0.5}, 2, 3)
	defer backend.Release(b, p, q)
	tape := autograd.NewTape(b)
	defer tape.Free()
	x, y := tape.Input(p), tape.Leaf(q)
	kl := pplm.Divergence(x, autograd.Add(y, pplm.Lift(y)))
	got, err := backend.Data[float64](b, kl.Value)
	require.NoError(t, err)
	assert.InDelta(t, math.Log(2), got[0], 1e-12)
	assert.InDelta(t, 0.25*math.Log(0.5)+0.75*math.Log(0.75/1e-15), got[1], 1e-12)
	g := tape.Grad(autograd.Sum(kl), x)
	defer backend.Release(b, g...)
	slope, err := backend.Data[float64](b, g[0])
	require.NoError(t, err)
	assert.InDelta(t, math.Log(2)+1, slope[0], 1e-12)
	assert.InDelta(t, math.Log(1e-15/0.5)+1, slope[1], 1e-12)
	assert.InDelta(t, 1, slope[2], 1e-12)
}
