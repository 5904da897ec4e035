package cpu

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/tensor"
)

// checkDirection compares the slope of loss along a random direction of the
// operands, by central differences, with what the gradients say.
func checkDirection(t *testing.T, operands, grads [][]float64, loss func() float64) {
	t.Helper()
	const step = 1e-5
	want, size := 0.0, 0.0
	directions := make([][]float64, len(operands))
	for i, x := range operands {
		require.Len(t, grads[i], len(x))
		directions[i] = numbers(uint64(100+i), len(x))
		for j, d := range directions[i] {
			want += d * grads[i][j]
			size += d * d
		}
	}
	move := func(by float64) {
		for i, x := range operands {
			for j := range x {
				x[j] += by * directions[i][j]
			}
		}
	}
	move(step)
	above := loss()
	move(-2 * step)
	below := loss()
	move(step)
	require.InDelta(t, want, (above-below)/(2*step), 1e-7*size)
}

// named finds one of a kernel's results.
func named(t *testing.T, all []result, name string) []float64 {
	t.Helper()
	for _, r := range all {
		if r.name == name {
			return r.data
		}
	}
	t.Fatalf("no result %s", name)
	return nil
}

func dotOf(x, y []float64) float64 {
	s := 0.0
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func TestLSTMGradientDirection(t *testing.T) {
	b := open(t, 2)
	o := newLSTMOperands(lstmCase{T: 4, B: 3, I: 5, H: 6})
	got := runLSTM[float64](b, o)
	var grads [][]float64
	for _, name := range []string{"DX", "DH0", "DC0", "DWih", "DWhh", "DBias"} {
		grads = append(grads, named(t, got, name))
	}
	checkDirection(t, [][]float64{o.x, o.h0, o.c0, o.wih, o.whh, o.bih}, grads, func() float64 {
		got := runLSTM[float64](b, o)
		return dotOf(named(t, got, "Y"), o.dy) + dotOf(named(t, got, "HN"), o.dhn) + dotOf(named(t, got, "CN"), o.dcn)
	})
}

func TestAttentionGradientDirection(t *testing.T) {
	b := open(t, 2)
	for _, c := range []attentionCase{
		{B: 2, heads: 2, T: 4, D: 3, pieces: []int{9}},
		{B: 2, heads: 1, T: 4, D: 3, pieces: []int{6}, weights: 0.3, values: 0.2},
	} {
		t.Run(c.String(), func(t *testing.T) {
			o := newAttentionOperands(t, c)
			got := runAttention[float64](b, o, false)
			grads := [][]float64{named(t, got, "DQ"), named(t, got, "DK0"), named(t, got, "DV0")}
			checkDirection(t, [][]float64{o.q, o.k, o.v}, grads, func() float64 {
				return dotOf(named(t, runAttention[float64](b, o, false), "Out"), o.dout)
			})
		})
	}
}

func TestRowGradientDirections(t *testing.T) {
	b := open(t, 2)
	const n, width = 4, 6
	x, dy := numbers(1, n*width), numbers(2, n*width)
	for _, log := range []bool{false, true} {
		t.Run(fmt.Sprintf("Softmax log=%v", log), func(t *testing.T) {
			grad := named(t, runSoftmax[float64](b, x, dy, n, width, log), "DX")
			checkDirection(t, [][]float64{x}, [][]float64{grad}, func() float64 {
				return dotOf(named(t, runSoftmax[float64](b, x, dy, n, width, log), "Y"), dy)
			})
		})
	}
	t.Run("CrossEntropy", func(t *testing.T) {
		dloss, target := numbers(3, n), []int32{5, 0, 3, 3}
		grad := named(t, runCrossEntropy[float64](b, x, dloss, target, width), "DX")
		checkDirection(t, [][]float64{x}, [][]float64{grad}, func() float64 {
			return dotOf(named(t, runCrossEntropy[float64](b, x, dloss, target, width), "Loss"), dloss)
		})
	})
	t.Run("LayerNorm", func(t *testing.T) {
		w, bias := numbers(4, width), numbers(5, width)
		got := runLayerNorm[float64](b, x, dy, w, bias, n, 1e-5)
		grads := [][]float64{named(t, got, "DX"), named(t, got, "DW"), named(t, got, "DB")}
		checkDirection(t, [][]float64{x, w, bias}, grads, func() float64 {
			return dotOf(named(t, runLayerNorm[float64](b, x, dy, w, bias, n, 1e-5), "Y"), dy)
		})
	})
}

// The gradient of u summed over the rows is that of the bias.
func TestBoomGradientDirection(t *testing.T) {
	const n, h, f = 3, 4, 11
	b := open(t, 2)
	d := site{p: 0.3, key: tensor.Key{Seed: 8}}.dropoutOf(b, tensor.Float64, n*f)
	x, w, bias, dy := numbers(1, n*h), numbers(2, f*h), numbers(3, f), numbers(4, n*h)
	u, y := blank[float64](b, n, f), blank[float64](b, n, h)
	run := func() {
		b.Boom(y, u, tensorOf[float64](b, x, n, h), tensorOf[float64](b, w, f, h), tensorOf[float64](b, bias, f), d)
	}
	run()
	b.BoomGrad(u, u, tensorOf[float64](b, dy, n, h), d)
	grad := make([]float64, f)
	for i, v := range numbersOf(b, u) {
		require.False(t, math.IsNaN(v))
		grad[i%f] += v
	}
	checkDirection(t, [][]float64{bias}, [][]float64{grad}, func() float64 {
		run()
		return dotOf(numbersOf(b, y), dy)
	})
}
