package cpu

import (
	"github.com/tiller-ml/tiller/backend/cpu/internal/gemm"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/tensor"
)

// vector are the row functions that the fused kernels are made of, for one
// type of element. Their conventions are package vec's,
// those of dotRows and addRows package gemm's.
type vector[T float] struct {
	max, sum      func(x []T) T
	dot           func(x, y []T) T
	expSum        func(dst, x []T, shift T) T
	add, mul      func(dst, x, y []T)
	affine        func(dst, x []T, scale, shift T)
	axpy          func(dst []T, alpha T, x []T)
	dotRows       func(dst, x, a []T, stride int)
	addRows       func(y, x, a []T, stride int)
	moments       func(x []T) (mean, variance T)
	layerNorm     func(dst, x, w, b []T, mean, rstd T)
	layerNormGrad func(dx, dw, db, x, w, dy []T, mean, rstd T)
	lstmGates     func(gates, cPrev, c, h []T)
	lstmGatesGrad func(gates, cPrev, c, dh, dc []T)
	gelu          func(dst, x []T)
	geluGrad      func(dst, x, g []T)
	adam          func(u, m, v, p, g []T, beta1, beta2, eps, wd, c1, c2 float64)
}

var vector32 = vector[float32]{
	max:           vec.Max,
	sum:           vec.Sum,
	dot:           vec.Dot,
	expSum:        vec.ExpSum,
	add:           vec.Add,
	mul:           vec.Mul,
	affine:        vec.Affine,
	axpy:          vec.Axpy,
	dotRows:       gemm.DotRows,
	addRows:       gemm.AddRows,
	moments:       vec.Moments,
	layerNorm:     vec.LayerNorm,
	layerNormGrad: vec.LayerNormGrad,
	lstmGates:     vec.LSTMGates,
	lstmGatesGrad: vec.LSTMGatesGrad,
	gelu:          vec.GELU,
	geluGrad:      vec.GELUGrad,
	adam:          vec.AdamDirection,
}

// vectors are the row functions for T.
func vectors[T float]() *vector[T] {
	if v, ok := any(&vector32).(*vector[T]); ok {
		return v
	}
	return any(&vector64).(*vector[T])
}

// isFloat32 chooses between the two types that the fused kernels take.
func isFloat32(op string, t *tensor.Tensor) bool {
	if t.DType != tensor.Float32 && t.DType != tensor.Float64 {
		tensor.Panicf(op, []*tensor.Tensor{t}, "no kernel for %v", t.DType)
	}
	return t.DType == tensor.Float32
}
