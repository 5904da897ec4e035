//go:build !noasm

package vec

import "github.com/tiller-ml/tiller/backend/cpu/internal/asm"

// implementations has one entry for each instruction set this machine runs.
var implementations = available()

func available() map[asm.InstructionSet]*kernels {
	all := map[asm.InstructionSet]*kernels{asm.Generic: &generic}
	if asm.ISA >= asm.AVX2 {
		all[asm.AVX2] = &avx2
	}
	if asm.ISA >= asm.AVX512 {
		all[asm.AVX512] = &avx512
	}
	return all
}

var avx2 = kernels{
	exp:      asm.ExpAVX2,
	log:      asm.LogAVX2,
	sqrt:     asm.SqrtAVX2,
	tanh:     asm.TanhAVX2,
	logistic: asm.LogisticAVX2,
	gelu:     asm.GELUAVX2,
	geluTanh: asm.GELUTanhAVX2,

	tanhGrad:     asm.TanhGradAVX2,
	logisticGrad: asm.LogisticGradAVX2,
	geluGrad:     asm.GELUGradAVX2,
	geluTanhGrad: asm.GELUTanhGradAVX2,

	add:    asm.AddAVX2,
	sub:    asm.SubAVX2,
	mul:    asm.MulAVX2,
	div:    asm.DivAVX2,
	max2:   asm.Max2AVX2,
	mulAdd: asm.MulAddAVX2,
	affine: asm.AffineAVX2,
	axpy:   asm.AxpyAVX2,

	sum:           asm.SumAVX2,
	sumSquares:    asm.SumSquaresAVX2,
	sumDeviations: asm.SumDeviationsAVX2,
	dot:           asm.DotFloat64AVX2,
	max:           asm.MaxAVX2,
	expSum:        asm.ExpSumAVX2,

	layerNorm:        asm.LayerNormAVX2,
	layerNormGradSum: asm.LayerNormGradSumAVX2,
	layerNormGradX:   asm.LayerNormGradXAVX2,
	layerNormGradW:   asm.LayerNormGradWAVX2,

	lstmGates:     asm.LSTMGatesAVX2,
	lstmGatesGrad: asm.LSTMGatesGradAVX2,
	adamDirection: asm.AdamDirectionAVX2,
	dropoutMask:   asm.DropoutMaskAVX2,
}

var avx512 = kernels{
	exp:      asm.ExpAVX512,
	log:      asm.LogAVX512,
	sqrt:     asm.SqrtAVX512,
	tanh:     asm.TanhAVX512,
	logistic: asm.LogisticAVX512,
	gelu:     asm.GELUAVX512,
	geluTanh: asm.GELUTanhAVX512,

	tanhGrad:     asm.TanhGradAVX512,
	logisticGrad: asm.LogisticGradAVX512,
	geluGrad:     asm.GELUGradAVX512,
	geluTanhGrad: asm.GELUTanhGradAVX512,

	add:    asm.AddAVX512,
	sub:    asm.SubAVX512,
	mul:    asm.MulAVX512,
	div:    asm.DivAVX512,
	max2:   asm.Max2AVX512,
	mulAdd: asm.MulAddAVX512,
	affine: asm.AffineAVX512,
	axpy:   asm.AxpyAVX512,

	sum:           asm.SumAVX512,
	sumSquares:    asm.SumSquaresAVX512,
	sumDeviations: asm.SumDeviationsAVX512,
	dot:           asm.DotFloat64AVX512,
	max:           asm.MaxAVX512,
	expSum:        asm.ExpSumAVX512,

	layerNorm:        asm.LayerNormAVX512,
	layerNormGradSum: asm.LayerNormGradSumAVX512,
	layerNormGradX:   asm.LayerNormGradXAVX512,
	layerNormGradW:   asm.LayerNormGradWAVX512,

	lstmGates:     asm.LSTMGatesAVX512,
	lstmGatesGrad: asm.LSTMGatesGradAVX512,
	adamDirection: asm.AdamDirectionAVX512,
	dropoutMask:   asm.DropoutMaskAVX512,
}
