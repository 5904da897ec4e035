package head

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// clouds are n points of dim axes around each of two centres, as rows.
func clouds(b backend.Backend, n, dim int) Data {
	var x []float32
	var d Data
	key := tensor.Key{Seed: 1}
	for i := range 2 * n {
		class := int32(i % 2)
		for j := range dim {
			x = append(x, float32(key.Normal(uint64(i*dim+j))+float64(2*class-1)))
		}
		d.Y = append(d.Y, class)
	}
	d.X = backend.FromSlice(b, x, 2*n, dim)
	d.Train, d.Test = Split(2*n, 0.2, 1)
	return d
}

func TestFit(t *testing.T) {
	b := openBackend(t)
	d := clouds(b, 200, 5)
	defer backend.Release(b, d.X)
	train := func() (*Head, *Result) {
		h, err := New([]string{"low", "high"}, 5, 3)
		require.NoError(t, err)
		batches, epochs := 0, 0
		r, err := Fit(t.Context(), b, h, d, Fitting{
			Rate: 0.01, Epochs: 5, Batch: 50, Seed: 2,
			Batched:   func(_, _ int, _ float64) error { batches++; return nil },
			Evaluated: func(_ int, r *Result) error { epochs++; return nil },
		})
		require.NoError(t, err)
		assert.Equal(t, 5*7, batches)
		assert.Equal(t, 5, epochs)
		return h, r
	}
	h, r := train()
	assert.Equal(t, 80, r.Texts)
	assert.GreaterOrEqual(t, r.Correct(), 75)
	assert.Less(t, r.Loss, 0.3)
	again, _ := train()
	assert.Equal(t, h, again)

	// What the head says of one row is what the result counts.
	sum, confusion := 0.0, [][]int{{0, 0}, {0, 0}}
	rows, err := backend.Data[float32](b, d.X)
	require.NoError(t, err)
	for _, i := range d.Test {
		x := make([]float64, 5)
		for j := range x {
			x[j] = float64(rows[int(i)*5+j])
		}
		p := h.LogProbs(x)
		sum -= p[d.Y[i]]
		best := 0
		if p[1] > p[0] {
			best = 1
		}
		confusion[d.Y[i]][best]++
	}
	assert.InDelta(t, sum/80, r.Loss, 1e-6)
	assert.Equal(t, confusion, r.Confusion)
}

// Each epoch has its own order: with the same one the losses of batches with a
// rate near 0 would come again.
func TestFitShuffles(t *testing.T) {
	b := openBackend(t)
	d := clouds(b, 20, 3)
	defer backend.Release(b, d.X)
	h, err := New([]string{"a", "b"}, 3, 3)
	require.NoError(t, err)
	var losses []float64
	how := Fitting{Rate: 1e-12, Epochs: 2, Batch: 8, Batched: func(_, _ int, loss float64) error {
		losses = append(losses, loss)
		return nil
	}}
	_, err = Fit(t.Context(), b, h, d, how)
	require.NoError(t, err)
	assert.Greater(t, math.Abs(losses[0]-losses[4]), 1e-3)
	losses, how.InOrder = nil, true
	_, err = Fit(t.Context(), b, h, d, how)
	require.NoError(t, err)
	assert.InDeltaSlice(t, losses[:4], losses[4:], 1e-6)
}

// An error of who hears of a batch or an epoch ends the training there.
func TestFitStopped(t *testing.T) {
	b := openBackend(t)
	d := clouds(b, 20, 3)
	defer backend.Release(b, d.X)
	h, err := New([]string{"a", "b"}, 3, 3)
	require.NoError(t, err)
	before, heard, enough := h.Weight[0], 0, errors.New("enough")
	second := func() error {
		if heard++; heard == 2 {
			return enough
		}
		return nil
	}
	for _, how := range []Fitting{
		{Rate: 0.1, Epochs: 3, Batch: 8, Batched: func(_, _ int, _ float64) error { return second() }},
		{Rate: 0.1, Epochs: 3, Batch: 8, Evaluated: func(int, *Result) error { return second() }},
	} {
		heard = 0
		_, err = Fit(t.Context(), b, h, d, how)
		assert.ErrorIs(t, err, enough)
		assert.Equal(t, 2, heard)
		assert.Equal(t, before, h.Weight[0], "the head is as it was")
	}
}

func TestFitErrors(t *testing.T) {
	b := openBackend(t)
	d := clouds(b, 20, 3)
	defer backend.Release(b, d.X)
	good := Fitting{Rate: 0.01, Epochs: 1, Batch: 8}
	h, err := New([]string{"a", "b"}, 3, 3)
	require.NoError(t, err)
	before := *h
	for want, change := range map[string]func(*Data, *Fitting){
		"learning rate is 0":   func(_ *Data, f *Fitting) { f.Rate = 0 },
		"learning rate is NaN": func(_ *Data, f *Fitting) { f.Rate = math.NaN() },
		"0 epochs":             func(_ *Data, f *Fitting) { f.Epochs = 0 },
		"batches of 0":         func(_ *Data, f *Fitting) { f.Batch = 0 },
		"no texts to train on": func(d *Data, _ *Fitting) { d.Train = nil },
		"text 1 is of class 2": func(d *Data, _ *Fitting) { d.Y = append([]int32{2}, d.Y[1:]...) },
		"epoch 1: batch 3: the loss": func(d *Data, f *Fitting) {
			f.InOrder, d.Train = true, append([]int32{}, d.Train...)
			x := backend.Clone(b, d.X)
			t.Cleanup(func() { backend.Release(b, x) })
			b.Fill(x.Slice(0, int(d.Train[16]), int(d.Train[16])+1), math.NaN())
			d.X = x
		},
	} {
		data, how := d, good
		change(&data, &how)
		_, err := Fit(t.Context(), b, h, data, how)
		assert.ErrorContains(t, err, want)
		assert.Equal(t, before, *h, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Fit(ctx, b, h, d, good)
	assert.ErrorIs(t, err, context.Canceled)
	wide, err := New([]string{"a", "b"}, 4, 3)
	require.NoError(t, err)
	assert.Panics(t, func() { _, _ = Fit(t.Context(), b, wide, d, good) })
}

func TestResultPrint(t *testing.T) {
	r := newResult(3)
	r.add([]float64{-1, -2, -3, -3, -1, -2, -1, -1, -5}, []int32{0, 0, 1})
	assert.Equal(t, 1, r.Correct())
	assert.InDelta(t, (1+3+1)/3.0, r.Loss, 1e-12)
	var b strings.Builder
	require.NoError(t, r.Print(&b, []string{"x", "why", "z"}))
	assert.Equal(t, strings.Join([]string{
		"  class \\ predicted       x    why  z  recall",
		"                  x       1      1  0  50.0 %",
		"                why       1      0  0   0.0 %",
		"                  z       0      0  0       -",
		"          precision  50.0 %  0.0 %  -        ",
		"",
	}, "\n"), b.String())
}
