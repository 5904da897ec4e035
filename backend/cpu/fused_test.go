package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// threadCounts are those that must give the same bits.
var threadCounts = []int{1, 2, 3}

// result is one named output of a kernel.
type result struct {
	name string
	data []float64
}

// checkKernel runs a kernel for float32 and float64 and each number of threads:
// its results must be near want's, and the same bits for all numbers of
// threads. want computes from the same operands, which make draws.
func checkKernel(t *testing.T, want func() []result, run32, run64 func(b *Backend) []result) {
	t.Helper()
	expected := want()
	for _, k := range []struct {
		name string
		tol  float64
		run  func(b *Backend) []result
	}{{"float32", 2e-5, run32}, {"float64", 1e-11, run64}} {
		t.Run(k.name, func(t *testing.T) {
			var first []result
			for _, threads := range threadCounts {
				b := open(t, threads)
				poison(b)
				got := k.run(b)
				if first == nil {
					first = got
					compare(t, expected, got, k.tol)
					continue
				}
				requireSame(t, first, got, fmt.Sprintf("%d threads", threads))
			}
		})
	}
}

func open(t testing.TB, threads int) *Backend {
	t.Helper()
	b, err := New(backend.Config{Threads: threads})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// poison fills the pool with NaN, to find scratch memory read before it is
// written.
func poison(b *Backend) {
	for n := 16; n < 1<<16; n += 1 + n/9 {
		s := scratch[float32](b, n)
		fill(s[:cap(s)], float32(math.NaN()))
		defer release(b, s)
	}
}

// compare wants each element within tol of the largest of its output, or of 1.
func compare(t *testing.T, want, got []result, tol float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		g := got[i]
		require.Equal(t, w.name, g.name)
		require.Len(t, g.data, len(w.data), w.name)
		scale := 1.0
		for _, v := range w.data {
			scale = max(scale, math.Abs(v))
		}
		for j, v := range w.data {
			if !(math.Abs(v-g.data[j]) <= tol*scale) {
				t.Fatalf("%s[%d] is %v, want %v (largest %v)", w.name, j, g.data[j], v, scale)
			}
		}
	}
}

func requireSame(t *testing.T, want, got []result, what string) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		for j, v := range w.data {
			if math.Float64bits(v) != math.Float64bits(got[i].data[j]) {
				t.Fatalf("%s: %s[%d] is %v, was %v", what, w.name, j, got[i].data[j], v)
			}
		}
	}
}

// numbers draws operands that float32 holds exactly.
func numbers(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 7))
	s := make([]float64, n)
	for i := range s {
		s[i] = float64(float32(r.NormFloat64()))
	}
	return s
}

// tensorOf makes a tensor of T from float64 numbers.
func tensorOf[T float](b *Backend, data []float64, shape ...int) *tensor.Tensor {
	s := make([]T, len(data))
	for i, v := range data {
		s[i] = T(v)
	}
	return backend.FromSlice(b, s, shape...)
}

// blank makes a tensor full of NaN, to find what a kernel leaves unwritten.
func blank[T float](b *Backend, shape ...int) *tensor.Tensor {
	t := backend.New(b, tensor.DTypeOf[T](), shape...)
	b.Fill(t, math.NaN())
	return t
}

// numbersOf reads a tensor.
func numbersOf(b *Backend, t *tensor.Tensor) []float64 {
	s := make([]float64, t.Len())
	if t.DType == tensor.Float64 {
		data, _ := backend.Data[float64](b, t)
		copy(s, data)
		return s
	}
	data, _ := backend.Data[float32](b, t)
	for i, v := range data {
		s[i] = float64(v)
	}
	return s
}

// read lists tensors with their names, leaving out absent ones.
func read(b *Backend, names []string, ts ...*tensor.Tensor) []result {
	var out []result
	for i, t := range ts {
		if t != nil {
			out = append(out, result{names[i], numbersOf(b, t)})
		}
	}
	return out
}

// drawn are the multipliers that Random(Mask) gives.
func drawn(t testing.TB, p float64, key tensor.Key, n int) []float64 {
	b := open(t, 1)
	m := backend.New(b, tensor.Float64, n)
	b.Random(m, backend.Dist{Kind: backend.Mask, A: p}, key)
	return numbersOf(b, m)
}

// site is a dropout site in a test: by key, by mask, or none.
type site struct {
	p      float64
	byMask bool
	key    tensor.Key
}

// multipliers are the site's numbers, ones without dropout.
func (s site) multipliers(t testing.TB, n int) []float64 {
	if s.p == 0 {
		return slices.Repeat([]float64{1}, n)
	}
	return drawn(t, s.p, s.key, n)
}

// dropout is the site as kernels take it. The mask has T's own rounding.
func (s site) dropoutOf(b *Backend, dtype tensor.DType, n int) backend.Dropout {
	if s.p == 0 || !s.byMask {
		return backend.Dropout{P: s.p, Key: s.key}
	}
	m := backend.New(b, dtype, n)
	b.Random(m, backend.Dist{Kind: backend.Mask, A: s.p}, s.key)
	return backend.Dropout{Mask: m}
}

func logistic1(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
