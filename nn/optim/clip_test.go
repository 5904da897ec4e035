package optim_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

func TestClipNorm(t *testing.T) {
	b := open(t)
	inf, nan := math.Inf(1), math.NaN()
	// (3, 4) and (12) have the norm 13.
	scale := 2.6 / (13 + 1e-6)
	tests := []struct {
		name  string
		limit float64
		in    [][]float64 // nil: no gradient
		norm  float64
		want  [][]float64
	}{
		{"clipped", 2.6, [][]float64{{3, 4}, nil, {12}}, 13, [][]float64{{3 * scale, 4 * scale}, nil, {12 * scale}}},
		{"within", 13.1, [][]float64{{3, 4}, nil, {12}}, 13, [][]float64{{3, 4}, nil, {12}}},
		{"only measured", 0, [][]float64{{3, 4}, nil, {12}}, 13, [][]float64{{3, 4}, nil, {12}}},
		{"negative limit", -1, [][]float64{{3, 4}}, 5, [][]float64{{3, 4}}},
		{"zero", 1, [][]float64{{0, 0}}, 0, [][]float64{{0, 0}}},
		{"no gradients", 1, [][]float64{nil, nil}, 0, [][]float64{nil, nil}},
		{"no parameters", 1, nil, 0, nil},
		{"empty tensor", 1, [][]float64{{}, {3, 4}}, 5, [][]float64{{}, {3 / (5 + 1e-6), 4 / (5 + 1e-6)}}},
		{"not a number", 1, [][]float64{{nan}, {3, 4}}, nan, [][]float64{{nan}, {3, 4}}},
		{"infinite", 1, [][]float64{{-inf}, {3, 4}}, inf, [][]float64{{-inf}, {3, 4}}},
	}
	for _, tt := range tests {
		for _, dtype := range []tensor.DType{tensor.Float32, tensor.Float64} {
			t.Run(tt.name+"/"+dtype.String(), func(t *testing.T) {
				grads := make([]*tensor.Tensor, len(tt.in))
				for i, g := range tt.in {
					if g != nil {
						grads[i] = put(b, dtype, g, len(g))
					}
				}
				tolerance := map[tensor.DType]float64{tensor.Float32: 1e-6, tensor.Float64: 1e-12}[dtype]
				got := optim.ClipNorm(b, grads, tt.limit)
				assert.InDelta(t, tt.norm, got, 1e-12)
				for i, want := range tt.want {
					if want != nil {
						assert.InDeltaSlice(t, want, get(t, b, grads[i]), tolerance)
					}
				}
			})
		}
	}
}

// faulty is a backend whose device has gone.
type faulty struct{ backend.Backend }

var errFault = errors.New("the device has gone")

func (faulty) Read([]byte, *tensor.Tensor) error { return errFault }

func TestDeviceFault(t *testing.T) {
	b := faulty{open(t)}
	g := put(b, tensor.Float32, []float64{3, 4}, 2)
	p := put(b, tensor.Float32, []float64{3, 4}, 2)
	o, err := optim.New(b, optim.Defaults(optim.LAMB), []optim.Param{{Name: "p", Value: p}})
	require.NoError(t, err)
	for _, f := range []func(){
		func() { optim.ClipNorm(b, []*tensor.Tensor{g}, 1) },
		func() { o.Step([]*tensor.Tensor{g}, 1) },
	} {
		var err error
		func() {
			defer tensor.Catch(&err)
			f()
		}()
		require.ErrorIs(t, err, errFault)
	}
}

func TestClipNormRejects(t *testing.T) {
	b := open(t)
	x := put(b, tensor.Float32, make([]float64, 6), 2, 3)
	requirePanics(t, "ClipNorm [3 2]: gradient 0 is not contiguous", func() { optim.ClipNorm(b, []*tensor.Tensor{x.Transpose()}, 1) })
	y := put(b, tensor.Float64, []float64{1}, 1)
	requirePanics(t, "gradient 2 is not contiguous or of another type", func() { optim.ClipNorm(b, []*tensor.Tensor{x, nil, y}, 1) })
}
