package vec

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// directional is the derivative of f at x in direction i, numerically.
func directional(f func(x []float64) float64, x []float64, i int) float64 {
	const h = 1e-5
	moved := func(by float64) float64 {
		y := slices.Clone(x)
		y[i] += by
		return f(y)
	}
	return (moved(h) - moved(-h)) / (2 * h)
}

func TestLayerNormGrad(t *testing.T) {
	const n = 53
	x, w, b, dy := normals(n, 1), normals(n, 2), normals(n, 3), normals(n, 4)
	const eps = 1e-5
	// loss is dy . LayerNorm(x) of x, w and b in one vector.
	loss := func(args []float64) float64 {
		x, w, b := args[:n], args[n:2*n], args[2*n:]
		mean, variance, sum := 0.0, 0.0, 0.0
		for _, v := range x {
			mean += v / n
		}
		for _, v := range x {
			variance += (v - mean) * (v - mean) / n
		}
		for i, v := range x {
			sum += float64(dy[i]) * ((v-mean)/math.Sqrt(variance+eps)*w[i] + b[i])
		}
		return sum
	}
	args := widen(slices.Concat(x, w, b))
	eachImplementation(t, func(t *testing.T) {
		mean, variance := Moments(x)
		rstd := float32(1 / math.Sqrt(float64(variance)+eps))
		y := make([]float32, n)
		LayerNorm(y, x, w, b, mean, rstd)
		assert.InDelta(t, loss(args), float64(Dot(y, dy)), 1e-5)

		grads := make([]float32, 3*n)
		LayerNormGrad(grads[:n], grads[n:2*n], grads[2*n:], x, w, dy, mean, rstd)
		for i, g := range grads {
			require.InDelta(t, directional(loss, args, i), float64(g), 1e-5, "argument %d", i)
		}

		again := slices.Clone(grads)
		LayerNormGrad(nil, again[n:2*n], nil, x, w, dy, mean, rstd)
		Axpy(grads[n:2*n], 1, grads[n:2*n])
		for i := range again {
			require.InDelta(t, grads[i], again[i], 1e-6, "dw is added to")
		}
	})
}

func TestLSTMGatesGrad(t *testing.T) {
	const n = 37
	gates, cPrev, dh, dc := normals(4*n, 1), normals(n, 2), normals(n, 3), normals(n, 4)
	// loss is dh.h + dc.c of the pre-activations and cPrev in one vector.
	loss := func(args []float64) float64 {
		sum := 0.0
		for k := range n {
			i, f, o := logistic64(args[k]), logistic64(args[n+k]), logistic64(args[3*n+k])
			c := f*args[4*n+k] + i*math.Tanh(args[2*n+k])
			sum += float64(dh[k])*o*math.Tanh(c) + float64(dc[k])*c
		}
		return sum
	}
	args := widen(slices.Concat(gates, cPrev))
	eachImplementation(t, func(t *testing.T) {
		grads, dcPrev := slices.Clone(gates), slices.Clone(dc)
		c, h := make([]float32, n), make([]float32, n)
		LSTMGates(grads, cPrev, c, h)
		assert.InDelta(t, loss(args), float64(Dot(h, dh)+Dot(c, dc)), 1e-5)

		LSTMGatesGrad(grads, cPrev, c, dh, dcPrev)
		for i, g := range slices.Concat(grads, dcPrev) {
			require.InDelta(t, directional(loss, args, i), float64(g), 1e-6, "argument %d", i)
		}
	})
}

func TestAdamDirection(t *testing.T) {
	const n, beta1, beta2, eps, wd, c1, c2 = 45, 0.9, 0.999, 1e-6, 0.01, 0.19, 0.002
	m, v, p, g := normals(n, 1), normals(n, 2), normals(n, 3), normals(n, 4)
	Mul(v, v, v)
	eachImplementation(t, func(t *testing.T) {
		m2, v2, u := slices.Clone(m), slices.Clone(v), make([]float32, n)
		AdamDirection(u, m2, v2, p, g, beta1, beta2, eps, wd, c1, c2)
		for i := range u {
			d := float64(g[i])
			wantM := beta1*float64(m[i]) + (1-beta1)*d
			wantV := beta2*float64(v[i]) + (1-beta2)*d*d
			require.InDelta(t, wantM, m2[i], 2e-7*max(1, math.Abs(wantM)))
			require.InEpsilon(t, wantV, v2[i], 3e-7)
			wantU := wantM/c1/(math.Sqrt(wantV/c2)+eps) + wd*float64(p[i])
			require.InDelta(t, wantU, u[i], 1e-6*max(1, math.Abs(wantU)))
		}
	})
}
