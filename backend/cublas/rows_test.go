//go:build cgo && linux

package cublas

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

// twins are the CPU's backend and the simulator's, which compute the same.
// Tensors begin offset elements after their buffers.
type twins struct {
	t      *testing.T
	cpu    *cpu.Backend
	gpu    *Backend
	offset int
}

// twin is a tensor on both.
type twin struct{ cpu, gpu *tensor.Tensor }

func newTwins(t *testing.T, c backend.Config, offset int) *twins {
	host, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, host.Close()) })
	return &twins{t, host, openWith(t, c), offset}
}

func (w *twins) on(b backend.Backend, d tensor.DType, shape ...int) *tensor.Tensor {
	if d.Block() > 1 || w.offset == 0 {
		x := backend.New(b, d, shape...)
		w.t.Cleanup(func() { b.Free(x.Buf) })
		return x
	}
	n := tensor.Size(shape)
	x := backend.New(b, d, w.offset+n)
	w.t.Cleanup(func() { b.Free(x.Buf) })
	return x.Slice(0, w.offset, w.offset+n).Reshape(shape...)
}

// out is room for results, filled with NaN.
func (w *twins) out(d tensor.DType, shape ...int) twin {
	x := twin{w.on(w.cpu, d, shape...), w.on(w.gpu, d, shape...)}
	w.cpu.Fill(x.cpu, math.NaN())
	w.gpu.Fill(x.gpu, math.NaN())
	return x
}

// put gives x, of the CPU's, a twin.
func (w *twins) put(x *tensor.Tensor) twin {
	mem := make([]byte, x.DType.Bytes(x.DType.Room(x.Shape)))
	require.NoError(w.t, w.cpu.Read(mem, x))
	y := w.on(w.gpu, x.DType, x.Shape...)
	require.NoError(w.t, w.gpu.Write(y, mem))
	return twin{x, y}
}

// normals are normal numbers times scale, in which special[i] is element 7*i.
func (w *twins) normals(seed uint64, scale float64, d tensor.DType, special []float64, shape ...int) twin {
	x := w.on(w.cpu, d.Compute(), shape...)
	w.cpu.Random(x, backend.Dist{Kind: backend.Normal, B: scale}, tensor.Key{Seed: seed})
	flat := x.Reshape(x.Len())
	for i, v := range special {
		w.cpu.Fill(flat.Slice(0, 7*i, 7*i+1), v)
	}
	if d != x.DType {
		y := w.on(w.cpu, d, shape...)
		w.cpu.Copy(y, x)
		x = y
	}
	return w.put(x)
}

// targets are classes for n rows of so many.
func (w *twins) targets(n, classes int) twin {
	data := make([]int32, n)
	for i := range data {
		data[i] = int32(i * 977 % classes)
	}
	x := w.on(w.cpu, tensor.Int32, n)
	require.NoError(w.t, w.cpu.Write(x, tensor.Bytes(data)))
	return w.put(x)
}

// wide are the elements of a tensor in float64.
func (w *twins) wide(b backend.Backend, x *tensor.Tensor) []float64 {
	if x.DType == tensor.Float64 {
		data, err := backend.Data[float64](b, x)
		require.NoError(w.t, err)
		return data
	}
	data, err := backend.Data[float32](b, x)
	require.NoError(w.t, err)
	all := make([]float64, len(data))
	for i, v := range data {
		all[i] = float64(v)
	}
	return all
}

// same requires x to be the same on both, up to a share of its elements' size or
// of 1.
func (w *twins) same(name string, x twin, share float64) {
	w.t.Helper()
	want, got := w.wide(w.cpu, x.cpu), w.wide(w.gpu, x.gpu)
	for i, v := range want {
		switch {
		case math.IsNaN(v):
			require.True(w.t, math.IsNaN(got[i]), "%s %d is %g, not NaN", name, i, got[i])
		case math.IsInf(v, 0):
			require.Equal(w.t, v, got[i], "%s %d", name, i)
		default:
			require.InDelta(w.t, v, got[i], share*max(1, math.Abs(v)), "%s %d", name, i)
		}
	}
}

// eachTwins runs f for both types, and operands that are aligned and not.
func eachTwins(t *testing.T, f func(t *testing.T, w *twins, d tensor.DType, share float64)) {
	for d, share := range map[tensor.DType]float64{tensor.Float32: 2e-5, tensor.Float64: 1e-11} {
		for _, offset := range []int{0, 1} {
			t.Run(fmt.Sprint(d, " from ", offset), func(t *testing.T) { f(t, newTwins(t, backend.Config{}, offset), d, share) })
		}
	}
}

// rowCases are rows of one and of several packs, beyond what a team's threads keep
// too, and elements that are no numbers.
var rowCases = []struct {
	n, width int
	special  []float64
}{
	{9, 7, []float64{math.NaN(), math.Inf(1), math.Inf(-1)}},
	{3, 40, []float64{math.Inf(1), math.Inf(1)}},
	{1, 1, []float64{math.Inf(-1)}},
	{2, 1028, []float64{math.Inf(-1), math.NaN()}},
	{2, 1027, []float64{math.Inf(-1), math.Inf(1)}},
	{40, 1024, nil},
	{35, 9001, nil},
	{3, 17000, nil},
}

func TestRowsAsOnTheCPU(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, share float64) {
		for _, c := range rowCases {
			x, dy := w.normals(1, 2, d, c.special, c.n, c.width), w.normals(2, 1, d, nil, c.n, c.width)
			for _, log := range []bool{false, true} {
				y, dx := w.out(d, c.n, c.width), w.out(d, c.n, c.width)
				w.cpu.Softmax(y.cpu, x.cpu, log)
				w.gpu.Softmax(y.gpu, x.gpu, log)
				w.same("softmax", y, share)
				w.cpu.SoftmaxGrad(dx.cpu, y.cpu, dy.cpu, log)
				w.gpu.SoftmaxGrad(dx.gpu, y.gpu, dy.gpu, log)
				w.same("its gradient", dx, 10*share)
			}
			loss, lse, dx, k, g := w.out(d, c.n), w.out(d, c.n), w.out(d, c.n, c.width), w.targets(c.n, c.width), w.normals(3, 1, d, nil, c.n)
			w.cpu.CrossEntropy(loss.cpu, lse.cpu, x.cpu, k.cpu)
			w.gpu.CrossEntropy(loss.gpu, lse.gpu, x.gpu, k.gpu)
			w.same("cross-entropy", loss, share)
			w.same("logarithm", lse, share)
			w.cpu.CrossEntropyGrad(dx.cpu, x.cpu, lse.cpu, k.cpu, g.cpu)
			w.gpu.CrossEntropyGrad(dx.gpu, x.gpu, lse.gpu, k.gpu, g.gpu)
			w.same("its gradient", dx, share)
		}
	})
}

func TestLayerNormAsOnTheCPU(t *testing.T) {
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, share float64) {
		for _, c := range rowCases {
			x, dy := w.normals(1, 2, d, c.special, c.n, c.width), w.normals(2, 1, d, nil, c.n, c.width)
			weight, bias := w.normals(3, 1, d, nil, c.width), w.normals(4, 1, d, nil, c.width)
			y, mean, rstd := w.out(d, c.n, c.width), w.out(d, c.n), w.out(d, c.n)
			w.cpu.LayerNorm(y.cpu, mean.cpu, rstd.cpu, x.cpu, weight.cpu, bias.cpu, 1e-5)
			w.gpu.LayerNorm(y.gpu, mean.gpu, rstd.gpu, x.gpu, weight.gpu, bias.gpu, 1e-5)
			w.same("layer norm", y, share)
			w.same("mean", mean, share)
			w.same("rstd", rstd, share)
			dx, dw, db := w.out(d, c.n, c.width), w.out(d, c.width), w.out(d, c.width)
			w.cpu.LayerNormGrad(dx.cpu, dw.cpu, db.cpu, x.cpu, weight.cpu, mean.cpu, rstd.cpu, dy.cpu)
			w.gpu.LayerNormGrad(dx.gpu, dw.gpu, db.gpu, x.gpu, weight.gpu, mean.gpu, rstd.gpu, dy.gpu)
			w.same("dx", dx, share)
			w.same("dw", dw, share)
			w.same("db", db, share)
		}
	})
}

// A target that is no class gives NaN and no other gradient than the softmax.
func TestTargetsThatAreNoClass(t *testing.T) {
	b := open(t)
	x := backend.FromSlice(b, []float32{1, 2, 3, 4, 5, 6}, 2, 3)
	k := backend.FromSlice(b, []int32{-1, 3}, 2)
	g := backend.FromSlice(b, []float32{1, 1}, 2)
	loss, lse, dx := backend.New(b, tensor.Float32, 2), backend.New(b, tensor.Float32, 2), backend.New(b, tensor.Float32, 2, 3)
	defer backend.Release(b, x, k, g, loss, lse, dx)
	b.CrossEntropy(loss, lse, x, k)
	b.CrossEntropyGrad(dx, x, lse, k, g)
	for i, row := range values(t, b, dx) {
		require.True(t, math.IsNaN(values(t, b, loss)[0][i]))
		require.InDelta(t, 1, row[0]+row[1]+row[2], 1e-6)
	}
}

func TestColumnSum(t *testing.T) {
	sizes := [][2]int{{0, 5}, {1, 1}, {15, 33}, {512, 7}, {513, 40}, {1500, 3}, {600, 4100}, {7, 4097}, {300000, 2}}
	eachTwins(t, func(t *testing.T, w *twins, d tensor.DType, share float64) {
		for _, size := range sizes {
			n, width := size[0], size[1]
			x, want := w.normals(1, 1, d, nil, n, width), w.out(d, 1, width)
			w.cpu.Reduce(backend.Sum, want.cpu, x.cpu)
			sum := twin{want.cpu.Reshape(width), want.gpu.Reshape(width)}
			w.gpu.columnSum(sum.gpu, x.gpu, false)
			w.same(fmt.Sprint("sum of ", size), sum, 10*share)
			w.gpu.columnSum(sum.gpu, x.gpu, true)
			w.cpu.Binary(backend.Add, sum.cpu, sum.cpu, sum.cpu)
			w.same(fmt.Sprint("twice the sum of ", size), sum, 10*share)
		}
	})
}

func TestColumnSumOfBFloat16(t *testing.T) {
	w := newTwins(t, backend.Config{}, 0)
	for _, size := range [][2]int{{3, 5}, {1025, 33}, {70, 4100}} {
		x := w.normals(1, 1, tensor.BFloat16, nil, size[0], size[1])
		whole := backend.New(w.cpu, tensor.Float32, size[0], size[1])
		w.cpu.Copy(whole, x.cpu)
		sum := w.out(tensor.Float32, 1, size[1])
		w.cpu.Reduce(backend.Sum, sum.cpu, whole)
		w.gpu.columnSum(sum.gpu.Reshape(size[1]), x.gpu, false)
		w.same(fmt.Sprint("sum of ", size), sum, 1e-4)
		w.cpu.Free(whole.Buf)
	}
}
