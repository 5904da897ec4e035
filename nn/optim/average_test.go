package optim_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

func TestAverage(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	p, to := backend.FromSlice(b, []float64{1, -2}, 2), backend.FromSlice(b, []float64{1, -2}, 2)
	defer backend.Release(b, p, to)
	live := b.LiveBytes()
	a := optim.NewAverage(b, 0.6, []*tensor.Tensor{to})
	want := []float64{1, -2}
	for n := 1; n <= 30; n++ {
		values := []float64{float64(n), math.Sin(float64(n))}
		require.NoError(t, b.Write(p, tensor.Bytes(values)))
		a.Update([]*tensor.Tensor{p}, n)
		d := 0.6
		if n < 14 { // 14/23 is the first above 0.6
			d = float64(n) / float64(n+9)
		}
		for i := range want {
			want[i] = d*want[i] + (1-d)*values[i]
		}
		got, err := backend.Data[float64](b, to)
		require.NoError(t, err)
		assert.InDeltaSlice(t, want, got, 1e-12, "update %d", n)
	}
	assert.Equal(t, live, b.LiveBytes())
	assert.Panics(t, func() { optim.NewAverage(b, 1, nil) })
	assert.Panics(t, func() { a.Update(nil, 1) })
}

func TestOutliers(t *testing.T) {
	var o optim.Outliers
	norm := func(i int) float64 { return 1 + 0.1*tensor.Key{Seed: 2}.Normal(uint64(i)) }
	_, far := o.Far(1000, 3)
	assert.False(t, far, "nothing is known yet")
	o = optim.Outliers{}
	sum, squares := 0.0, 0.0
	for i := range 100 {
		_, far := o.Far(norm(i), 5)
		require.False(t, far)
		sum += norm(i)
		squares += norm(i) * norm(i)
	}
	assert.InDelta(t, sum/100, o.Mean, 1e-12)
	assert.InDelta(t, squares/100-sum*sum/1e4, o.Variance, 1e-12)
	before := o
	deviations, far := o.Far(1e6, 5)
	assert.True(t, far)
	assert.InDelta(t, (1e6-before.Mean)/math.Sqrt(before.Variance), deviations, 1e-6)
	assert.Less(t, o.Mean, 1.1, "one outlier does not move the mean far")
	_, far = o.Far(0, 5)
	assert.False(t, far, "a small norm is no outlier")

	o, taken := before, 0
	for i := range 200 { // ten times as high from now on
		if _, far := o.Far(10*norm(i), 5); !far {
			taken++
		}
	}
	assert.Greater(t, taken, 150)
	_, far = (&optim.Outliers{Count: 100, Mean: 1}).Far(1, 3)
	assert.False(t, far, "all norms are alike")
}
