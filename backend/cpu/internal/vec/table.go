package vec

import "github.com/tiller-ml/tiller/backend/cpu/internal/asm"

// active is what the exported routines call. Only tests change it.
var active = implementations[asm.ISA]

var generic = kernels{
	exp: expGeneric, log: logGeneric, sqrt: sqrtGeneric,
	tanh: tanhGeneric, logistic: logisticGeneric, gelu: geluGeneric, geluTanh: geluTanhGeneric,

	tanhGrad: tanhGradGeneric, logisticGrad: logisticGradGeneric,
	geluGrad: geluGradGeneric, geluTanhGrad: geluTanhGradGeneric,

	add: addGeneric, sub: subGeneric, mul: mulGeneric, div: divGeneric,
	max2: max2Generic, mulAdd: mulAddGeneric, affine: affineGeneric, axpy: axpyGeneric,

	sum: sumGeneric, sumSquares: sumSquaresGeneric, sumDeviations: sumDeviationsGeneric,
	dot: dotGeneric, max: maxGeneric, expSum: expSumGeneric,

	layerNorm: layerNormGeneric, layerNormGradSum: layerNormGradSumGeneric,
	layerNormGradX: layerNormGradXGeneric, layerNormGradW: layerNormGradWGeneric,

	lstmGates: lstmGatesGeneric, lstmGatesGrad: lstmGatesGradGeneric,

	adamDirection: adamDirectionGeneric, dropoutMask: dropoutMaskGeneric,
}
