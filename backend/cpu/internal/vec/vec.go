package vec

import "github.com/tiller-ml/tiller/tensor"

// kernels is one implementation of everything in this package. Lengths have
// been checked before a kernel is called.
type kernels struct {
	exp, log, sqrt, tanh, logistic, gelu, geluTanh func(dst, x []float32)

	// The gradients of tanh and logistic take the function's result, those
	// of the GELUs its argument.
	tanhGrad, logisticGrad, geluGrad, geluTanhGrad func(dst, x, g []float32)

	add, sub, mul, div, max2, mulAdd func(dst, x, y []float32)

	affine func(dst, x []float32, scale, shift float32)
	axpy   func(dst []float32, alpha float32, x []float32)

	sum, sumSquares func(x []float32) float64
	sumDeviations   func(x []float32, mean float64) float64
	dot             func(x, y []float32) float64
	max             func(x []float32) float32
	expSum          func(dst, x []float32, shift float32) float64

	layerNorm        func(dst, x, w, b []float32, mean, rstd float32)
	layerNormGradSum func(x, w, dy []float32, mean, rstd float32) float64
	layerNormGradX   func(dx, x, w, dy []float32, mean, rstd, m1, m2 float32)
	layerNormGradW   func(dw, x, dy []float32, mean, rstd float32)

	lstmGates     func(gates, cPrev, c, h []float32)
	lstmGatesGrad func(gates, cPrev, c, dh, dc []float32)

	adamDirection func(u, m, v, p, g []float32, beta1, rest1, beta2, rest2, scale1, scale2, eps, wd float32)
	dropoutMask   func(dst []float32, seed0, seed1 uint32, block uint64, word2, word3, threshold uint32, scale float32)
}

func check(op string, n int, others ...int) {
	for _, m := range others {
		if m != n {
			mismatch(op, n, others)
		}
	}
}

func mismatch(op string, n int, others []int) {
	shapes := [][]int{{n}}
	for _, m := range others {
		shapes = append(shapes, []int{m})
	}
	panic(&tensor.Error{Op: "vec." + op, Shapes: shapes, Msg: "lengths differ"})
}
