package cpu

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/tensor"
)

var listSizes = []int{0, 1, 5000, pieceElements, 3, 40001, 2 * pieceElements}

func TestSumSquaresAndDescend(t *testing.T) {
	rates := make([]float64, len(listSizes))
	for i := range rates {
		rates[i] = 1 / float64(4+i)
	}
	want := func() []result {
		sums, out := make([]float64, len(listSizes)), []result{}
		for i, n := range listSizes {
			x, u := numbers(uint64(10+i), n), numbers(uint64(30+i), n)
			sums[i] = dotOf(x, x)
			for k := range x {
				x[k] -= rates[i] * u[k]
			}
			out = append(out, result{fmt.Sprint("X", i), x})
		}
		return append(out, result{"Sums", sums})
	}
	checkKernel(t, want,
		func(b *Backend) []result { return runLists[float32](b, rates) },
		func(b *Backend) []result { return runLists[float64](b, rates) })
}

func runLists[T float](b *Backend, rates []float64) []result {
	var xs, us []*tensor.Tensor
	for i, n := range listSizes {
		xs = append(xs, tensorOf[T](b, numbers(uint64(10+i), n), n))
		us = append(us, tensorOf[T](b, numbers(uint64(30+i), n), n))
	}
	sums := blank[T](b, len(xs))
	b.SumSquares(sums, xs)
	b.Descend(xs, us, rates)
	var out []result
	for i, x := range xs {
		out = append(out, result{fmt.Sprint("X", i), numbersOf(b, x)})
	}
	return append(out, result{"Sums", numbersOf(b, sums)})
}
