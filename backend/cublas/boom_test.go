//go:build cgo && linux

package cublas

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

// Boom keeps its u in bfloat16 where products are rounded to it.
func TestBoomInBFloat16(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	drop := backend.Dropout{P: 0.3, Key: tensor.Key{Seed: 1, Site: 2, Step: 3}}
	for _, m := range [][3]int{{3, 20, 80}, {20, 24, 100}, {20, 23, 70}} {
		for _, wt := range []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8} {
			n, h, f := m[0], m[1], m[2]
			x, w := normals(t, b, 1, tensor.Float32, false, n, h), normals(t, b, 2, wt, false, f, h)
			bias, dy := normals(t, b, 3, tensor.Float32, false, 1, f), normals(t, b, 4, tensor.Float32, false, n, h)
			u, y := normals(t, b, 5, b.Inner(tensor.Float32), false, n, f), normals(t, b, 6, tensor.Float32, false, n, h)
			require.Equal(t, tensor.BFloat16, u.DType)
			b.Boom(y, u, x, w, bias, drop)
			us, ys, offset := values(t, b, u), values(t, b, y), values(t, b, bias)
			var spread [][]float64 // what is added to each row
			for range n {
				spread = append(spread, offset[0])
			}
			wv := values(t, b, w)
			requireProduct(t, us, spread, values(t, b, x), transposed(wv), 1./128)
			b.BoomGrad(u, u, dy, drop)
			du, g := values(t, b, u), values(t, b, dy)
			for i := range n {
				for j := range h {
					requireBoomColumn(t, drop, us[i], du[i], i*f, j, h, ys[i][j], g[i][j])
				}
			}
		}
	}
}

// requireBoomColumn holds an element of y and the gradients of what it sums
// against the kept row of u, whose first element is number first of the site.
func requireBoomColumn(t *testing.T, d backend.Dropout, u, du []float64, first, j, width int, y, dy float64) {
	t.Helper()
	want, size := 0.0, 1e-3
	keep := float64(float32(1 - d.P))
	for at := j; at < len(u); at += width {
		if at >= len(u)/width*width {
			require.Zero(t, du[at])
			break
		}
		s := 1 / (1 + math.Exp(-1.702*u[at]))
		m := 0.0
		if float64(d.Key.Uniform(uint64(first+at))) < keep {
			m = 1 / keep
		}
		want += m * u[at] * s
		size += math.Abs(m * u[at])
		slope := dy * m * (s + 1.702*u[at]*s*(1-s))
		require.InDelta(t, slope, du[at], 1e-6+math.Abs(slope)/128)
	}
	require.InDelta(t, want, y, size/128)
}

func transposed(m [][]float64) [][]float64 {
	out := make([][]float64, len(m[0]))
	for _, row := range m {
		for j, v := range row {
			out[j] = append(out[j], v)
		}
	}
	return out
}

// The gradients of all operands pass through the kept u, which is bfloat16.
func TestBoomGradientsInBFloat16(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	host, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, host.Close()) }()
	for _, rows := range []int{3, 40} {
		var here, there []*tensor.Tensor
		for i, shape := range [][]int{{rows, 24}, {100, 24}, {100}, {rows, 24}} {
			x := normals(t, b, uint64(i), tensor.Float32, false, shape...)
			data, err := backend.Data[float32](b, x)
			require.NoError(t, err)
			here, there = append(here, x), append(there, backend.FromSlice(host, data, shape...))
		}
		got, want := boomGradients(t, b, here), boomGradients(t, host, there)
		backend.Release(host, there...)
		for i := range want {
			require.Len(t, got[i], len(want[i]))
			var off, size float64
			for j, v := range want[i] {
				off += math.Pow(float64(v-got[i][j]), 2)
				size += math.Pow(float64(v), 2)
			}
			require.Less(t, math.Sqrt(off/size), 0.01, "%d rows, operand %d", rows, i)
		}
	}
}

// boomGradients are those of x, w and the bias of a loss whose gradient by y is
// the last tensor.
func boomGradients(t *testing.T, b backend.Backend, in []*tensor.Tensor) [][]float32 {
	t.Helper()
	tape := autograd.NewTape(b, in[:3]...)
	defer tape.Free()
	x, w, bias := tape.Leaf(in[0]), tape.Leaf(in[1]), tape.Leaf(in[2])
	y := autograd.Boom(x, w, bias, backend.Dropout{P: 0.2, Key: tensor.Key{Seed: 7}})
	grads := tape.Grad(autograd.Sum(autograd.Mul(y, tape.Leaf(in[3]))), x, w, bias)
	defer backend.Release(b, grads...)
	var out [][]float32
	for _, g := range grads {
		data, err := backend.Data[float32](b, g)
		require.NoError(t, err)
		out = append(out, data)
	}
	return out
}
