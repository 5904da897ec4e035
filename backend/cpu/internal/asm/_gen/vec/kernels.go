package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// maps are the kernels without a reduction.
var maps = []mapKernel{
	function("Exp", "exp(x[i])", expConstants, (*set).exp),
	function("Log", "log(x[i])", logConstants, (*set).log),
	function("Sqrt", "sqrt(x[i])", nil, func(s *set, x vector) vector { VSQRTPS(x, x); return x }),
	function("Tanh", "tanh(x[i])", tanhConstants, (*set).tanh),
	function("Logistic", "1 / (1 + exp(-x[i]))", logisticConstants, (*set).logistic),
	function("GELU", "x[i] / (1 + exp(-1.702*x[i]))", geluConstants, (*set).gelu),
	function("GELUTanh", "0.5 * x[i] * (1 + tanh(sqrt(2/math.Pi)*(x[i]+0.044715*x[i]*x[i]*x[i])))",
		geluTanhConstants, (*set).geluTanh),

	gradient("TanhGrad", "y", "dst[i] = g[i] * (1 - y[i]*y[i])", []string{"one"}, (*set).tanhGrad),
	gradient("LogisticGrad", "y", "dst[i] = g[i] * (y[i] * (1 - y[i]))", []string{"one"}, (*set).logisticGrad),
	gradient("GELUGrad", "x", geluGradLoop, geluGradConstants, (*set).geluGrad),
	gradient("GELUTanhGrad", "x", geluTanhGradLoop, geluTanhGradConstants, (*set).geluTanhGrad),

	binary("Add", "x[i] + y[i]", func(s *set, x, y vector) { VADDPS(y, x, x) }),
	binary("Sub", "x[i] - y[i]", func(s *set, x, y vector) { VSUBPS(y, x, x) }),
	binary("Mul", "x[i] * y[i]", func(s *set, x, y vector) { VMULPS(y, x, x) }),
	binary("Div", "x[i] / y[i]", func(s *set, x, y vector) { VDIVPS(y, x, x) }),
	binary("Max2", "max(x[i], y[i])", (*set).max2),
	mulAdd, affine, axpy,
	layerNorm, layerNormGradX, layerNormGradW,
	lstmGates, lstmGatesGrad,
	adamDirection,
}

// function is a kernel of one argument, f computing it of a vector that it may
// overwrite.
func function(name, formula string, constants []string, f func(s *set, x vector) vector) mapKernel {
	return mapKernel{
		name:      name,
		signature: "func(dst, x []float32)",
		about:     "NAME is, within the bounds that package vec states",
		loop:      "for i := range x {\n\tdst[i] = " + formula + "\n}",
		length:    "x",
		constants: constants,
		body: func(s *set, at func(string) Mem) {
			s.store(f(s, s.load(at("x"))), at("dst"))
		},
	}
}

// gradient is a kernel that multiplies a derivative by g, f computing the
// product of vectors that it may overwrite.
func gradient(name, argument, loop string, constants []string, f func(s *set, x, g vector) vector) mapKernel {
	return mapKernel{
		name:      name,
		signature: "func(dst, " + argument + ", g []float32)",
		about:     "NAME is",
		loop:      "for i := range g {\n\t" + loop + "\n}",
		length:    "g",
		constants: constants,
		body: func(s *set, at func(string) Mem) {
			x, g := s.load(at(argument)), s.load(at("g"))
			s.store(f(s, x, g), at("dst"))
		},
	}
}

// binary is a kernel of two arguments, f leaving its result in x.
func binary(name, formula string, f func(s *set, x, y vector)) mapKernel {
	return mapKernel{
		name:      name,
		signature: "func(dst, x, y []float32)",
		about:     "NAME is",
		loop:      "for i := range x {\n\tdst[i] = " + formula + "\n}",
		length:    "x",
		body: func(s *set, at func(string) Mem) {
			x, y := s.load(at("x")), s.load(at("y"))
			f(s, x, y)
			s.store(x, at("dst"))
		},
	}
}

// max2 relies on VMAXPS giving its second operand, here y, where either is NaN
// or both are zero.
func (s *set) max2(x, y vector) {
	if s.wide() {
		nan := K()
		VCMPPS(U8(unordered), x, x, nan)
		VMAXPS(y, x, y)
		VMOVAPS(x, nan, y)
		VMOVAPS(y, x)
		return
	}
	nan := s.vec()
	VCMPPS(U8(unordered), x, x, nan)
	VMAXPS(y, x, y)
	VBLENDVPS(nan, x, y, x)
}

var mulAdd = mapKernel{
	name:      "MulAdd",
	signature: "func(dst, x, y []float32)",
	about:     "NAME is, with one rounding",
	loop:      "for i := range x {\n\tdst[i] += x[i] * y[i]\n}",
	length:    "x",
	body: func(s *set, at func(string) Mem) {
		x, y, dst := s.load(at("x")), s.load(at("y")), s.load(at("dst"))
		VFMADD231PS(y, x, dst)
		s.store(dst, at("dst"))
	},
}

var affine = mapKernel{
	name:      "Affine",
	signature: "func(dst, x []float32, scale, shift float32)",
	about:     "NAME is, with one rounding",
	loop:      "for i := range x {\n\tdst[i] = x[i]*scale + shift\n}",
	length:    "x",
	scalars:   []string{"scale", "shift"},
	body: func(s *set, at func(string) Mem) {
		x := s.load(at("x"))
		VFMADD213PS(s.c("shift"), s.value("scale"), x)
		s.store(x, at("dst"))
	},
}

var axpy = mapKernel{
	name:      "Axpy",
	signature: "func(dst []float32, alpha float32, x []float32)",
	about:     "NAME is, with one rounding",
	loop:      "for i := range x {\n\tdst[i] += alpha * x[i]\n}",
	length:    "x",
	scalars:   []string{"alpha"},
	body: func(s *set, at func(string) Mem) {
		x, dst := s.load(at("x")), s.load(at("dst"))
		VFMADD231PS(x, s.value("alpha"), dst)
		s.store(dst, at("dst"))
	},
}
