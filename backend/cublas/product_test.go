//go:build cgo && linux

package cublas

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// normals is a tensor of normal numbers; a turned one is a transposed view.
func normals(t *testing.T, b *Backend, seed uint64, d tensor.DType, turned bool, shape ...int) *tensor.Tensor {
	t.Helper()
	shape = slices.Clone(shape)
	if n := len(shape); turned {
		shape[n-2], shape[n-1] = shape[n-1], shape[n-2]
	}
	x := backend.New(b, d.Compute(), shape...)
	b.Random(x, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: seed})
	if d != x.DType {
		y := backend.New(b, d, shape...)
		b.Copy(y, x)
		b.Free(x.Buf)
		x = y
	}
	t.Cleanup(func() { b.Free(x.Buf) })
	if turned {
		return x.Transpose()
	}
	return x
}

// values are the elements of x, of any dtype, in a matrix of its last axis.
func values(t *testing.T, b *Backend, x *tensor.Tensor) [][]float64 {
	t.Helper()
	wide := backend.New(b, tensor.Float32, x.Shape...)
	defer b.Free(wide.Buf)
	if x.DType.Block() > 1 && x.Strides[len(x.Strides)-1] != 1 {
		b.Copy(wide.Transpose(), x.Transpose()) // blocks are copied along their axis
	} else {
		b.Copy(wide, x)
	}
	data, err := backend.Data[float32](b, wide)
	require.NoError(t, err)
	n := x.Dim(-1)
	rows := make([][]float64, len(data)/n)
	for i, v := range data {
		rows[i/n] = append(rows[i/n], float64(v))
	}
	return rows
}

// rounded is each number of m as f keeps it.
func rounded(m [][]float64, f func(float64) float64) [][]float64 {
	for _, row := range m {
		for j, v := range row {
			row[j] = f(v)
		}
	}
	return m
}

func exact(v float64) float64 { return v }

// toBF16 rounds a float32 to bfloat16.
func toBF16(v float64) float64 {
	u := math.Float32bits(float32(v))
	u += 0x7fff + u>>16&1
	return float64(math.Float32frombits(u &^ 0xffff))
}

// requireProduct holds got against old + a x, and each element to a share of the
// sum of its terms' magnitudes.
func requireProduct(t *testing.T, got, old, a, x [][]float64, share float64) {
	t.Helper()
	for i := range got {
		for j := range got[i] {
			want, size := 0.0, 1e-6
			if old != nil {
				want, size = old[i][j], size+math.Abs(old[i][j])
			}
			for k, v := range a[i] {
				want += v * x[k][j]
				size += math.Abs(v * x[k][j])
			}
			require.InDelta(t, want, got[i][j], share*size, "element %d, %d", i, j)
		}
	}
}

// What products of float32 are rounded to is what was asked for, and no more.
func TestProductsInEachPrecision(t *testing.T) {
	for _, c := range []struct {
		precision backend.Precision
		few, many func(float64) float64 // rounds the factors
		share     float64
	}{
		{backend.Full, exact, exact, 1e-6},
		{backend.TF32, exact, exact, 1. / 1024},
		{backend.BF16, exact, toBF16, 1e-6},
	} {
		t.Run(fmt.Sprint(c.precision), func(t *testing.T) {
			b := openWith(t, backend.Config{Precision: c.precision})
			for _, m := range [][3]int{{1, 70, 9}, {8, 33, 40}, {9, 70, 40}, {40, 64, 48}} {
				for turned := range 8 {
					a := normals(t, b, 1, tensor.Float32, turned&1 > 0, m[0], m[1])
					x := normals(t, b, 2, tensor.Float32, turned&2 > 0, m[1], m[2])
					dst := normals(t, b, 3, tensor.Float32, turned&4 > 0, m[0], m[2])
					round := c.few
					if m[0] > fewRows {
						round = c.many
					}
					av, xv, old := rounded(values(t, b, a), round), rounded(values(t, b, x), round), values(t, b, dst)
					b.MatMul(dst, a, x, true)
					requireProduct(t, values(t, b, dst), old, av, xv, c.share)
				}
			}
		})
	}
}

// Beside float32, each operand may be bfloat16 where products are rounded to it,
// and the weights Int8.
func TestProductsOfMixedTypes(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	floats := []tensor.DType{tensor.Float32, tensor.BFloat16}
	for _, dt := range floats {
		for _, at := range floats {
			for _, xt := range append(floats, tensor.Int8) {
				for _, m := range [][3]int{{3, 70, 40}, {20, 40, 70}} {
					for turned := range 8 {
						t.Run(fmt.Sprint(dt, at, xt, m, turned), func(t *testing.T) {
							a := normals(t, b, 1, at, turned&1 > 0, m[0], m[1])
							x := normals(t, b, 2, xt, turned&2 > 0, m[1], m[2])
							dst := normals(t, b, 3, dt, turned&4 > 0, m[0], m[2])
							av, xv, old := values(t, b, a), values(t, b, x), values(t, b, dst)
							b.MatMul(dst, a, x, true)
							requireProduct(t, values(t, b, dst), old, av, xv, 1./256)
							b.MatMul(dst, a, x, false)
							requireProduct(t, values(t, b, dst), nil, av, xv, 1./256)
						})
					}
				}
			}
		}
	}
}

// Weights of Int8 are widened some rows at a time.
func TestProductsByWidenedPanels(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	for _, turned := range []bool{false, true} {
		a := normals(t, b, 1, tensor.BFloat16, false, 20, 40)
		x := normals(t, b, 2, tensor.Int8, turned, 40, 70)
		dst := normals(t, b, 3, tensor.Float32, false, 20, 70)
		av, xv, old := values(t, b, a), rounded(values(t, b, x), toBF16), values(t, b, dst)
		w, ok := storedOf(b, x)
		require.True(t, ok)
		for _, accumulate := range []bool{true, false} {
			b.multiplyWidened(product{matrixOf(b, dst), matrixOf(b, a), matrix{dtype: x.DType}, nil}, w, 11, accumulate)
			if !accumulate {
				old = nil
			}
			requireProduct(t, values(t, b, dst), old, av, xv, 1e-6)
		}
	}
}

// Stored weights of every alignment, for few rows and for tiles.
func TestProductsByStoredWeights(t *testing.T) {
	b := open(t)
	for _, xt := range []tensor.DType{tensor.BFloat16, tensor.Int8} {
		for _, m := range [][3]int{{1, 512, 24}, {2, 264, 33}, {5, 2048, 40}, {9, 48, 296}, {40, 48, 64}, {70, 33, 72}, {33, 64, 129}} {
			for turned := range 8 {
				t.Run(fmt.Sprint(xt, m, turned), func(t *testing.T) {
					a := normals(t, b, 1, tensor.Float32, turned&1 > 0, m[0], m[1])
					x := normals(t, b, 2, xt, turned&2 > 0, m[1], m[2])
					dst := normals(t, b, 3, tensor.Float32, turned&4 > 0, m[0], m[2])
					av, xv, old := values(t, b, a), values(t, b, x), values(t, b, dst)
					b.MatMul(dst, a, x, true)
					requireProduct(t, values(t, b, dst), old, av, xv, 1e-6)
				})
			}
		}
	}
}

// A batch may have more entries than one call takes.
func TestProductsOfManyEntries(t *testing.T) {
	b := open(t)
	const n = mostEntries + 3
	a, x := normals(t, b, 1, tensor.Float32, false, n, 1, 2), normals(t, b, 2, tensor.Float32, false, n, 2, 1)
	dst := normals(t, b, 3, tensor.Float32, false, n, 1, 1)
	b.MatMul(dst, a, x, false)
	av, xv := values(t, b, a), values(t, b, x)
	for i, got := range values(t, b, dst) {
		require.InDelta(t, av[i][0]*xv[2*i][0]+av[i][1]*xv[2*i+1][0], got[0], 1e-5, "entry %d", i)
	}
}

// Factors whose rows overlap or repeat are copied.
func TestProductsOfOverlappingRows(t *testing.T) {
	b := open(t)
	x, dst := normals(t, b, 1, tensor.Float32, false, 4, 6), normals(t, b, 2, tensor.Float32, false, 5, 6)
	own := normals(t, b, 3, tensor.Float32, false, 1, 20)
	for _, strides := range [][]int{{2, 1}, {0, 1}, {1, 0}, {1, 1}, {1, 2}, {3, 3}} {
		a := new(tensor.Tensor)
		a.Look(own, 0, []int{5, 4}, strides)
		b.MatMul(dst, a, x, false)
		requireProduct(t, values(t, b, dst), nil, values(t, b, a), values(t, b, x), 1e-6)
	}
}

// Operands that no kernel takes are named.
func TestProductsOfOtherTypesPanic(t *testing.T) {
	b := open(t)
	half, full, wide := normals(t, b, 1, tensor.BFloat16, false, 4, 4), normals(t, b, 1, tensor.Float32, false, 4, 4), normals(t, b, 1, tensor.Float64, false, 4, 4)
	for _, c := range [][3]*tensor.Tensor{{half, full, full}, {full, half, full}, {full, wide, full}, {wide, wide, half}, {full, full, wide}} {
		require.Panics(t, func() { b.MatMul(c[0], c[1], c[2], false) })
	}
}
