package main

import (
	. "github.com/mmcloughlin/avo/build"
)

func (s *set) tanhGrad(y, g vector) vector {
	d := s.fresh("one")
	VFNMADD231PS(y, y, d)
	VMULPS(g, d, d)
	return d
}

func (s *set) logisticGrad(y, g vector) vector {
	s.logisticSlope(y, y)
	VMULPS(g, y, y)
	return y
}

// logisticSlope is y*(1-y), which may overwrite y.
func (s *set) logisticSlope(y, to vector) {
	d := s.fresh("one")
	VSUBPS(y, d, d)
	VMULPS(d, y, to)
}

var (
	geluConstants         = append([]string{"abs", "zero", "largest", "geluScale"}, logisticConstants...)
	geluTanhConstants     = append([]string{"abs", "zero", "largest", "geluTanhLinear", "geluTanhCubic"}, logisticConstants...)
	geluGradConstants     = append([]string{"one", "gradLow", "gradHigh", "geluScale"}, logisticConstants...)
	geluTanhGradConstants = append([]string{"one", "gradLow", "gradHigh", "geluTanhLinear", "geluTanhCubic", "geluTanhCubicBy3"}, logisticConstants...)
)

func (s *set) gelu(x vector) vector {
	z := s.vec()
	VMULPS(s.c("geluScale"), x, z)
	return s.gated(x, z)
}

func (s *set) geluTanh(x vector) vector {
	z := s.vec()
	VMULPS(x, x, z)
	s.geluTanhArgument(x, z, "geluTanhCubic")
	return s.gated(x, z)
}

// geluTanhArgument overwrites x2, the square of x, with
// x*(geluTanhLinear+cubic*x^2).
func (s *set) geluTanhArgument(x, x2 vector, cubic string) {
	VMULPS(s.c(cubic), x2, x2)
	VADDPS(s.c("geluTanhLinear"), x2, x2)
	VMULPS(x, x2, x2)
}

// gated is x*logistic(z) where x and z have the same sign, computed as
// max(x, 0) - |x|*logistic(-|z|), which rounds only once where the logistic is
// close to 1. The bound on |x| makes its product with 0 at infinity 0.
func (s *set) gated(x, z vector) vector {
	q, high := s.logisticParts(z)
	a := s.vec()
	VADDPS(q, high, high)
	VDIVPS(high, q, q)
	VANDPS(s.c("abs"), x, a)
	VMINPS(s.c("largest"), a, a) // loses NaN, which q still has
	VMAXPS(s.c("zero"), x, x)
	VFNMADD231PS(q, a, x)
	return x
}

const (
	geluGradLoop = `s := 1 / (1 + exp(-1.702*x[i]))
	dst[i] = g[i] * (s + 1.702*x[i]*s*(1-s))`

	geluTanhGradLoop = `z := 2 * sqrt(2/math.Pi) * (x[i] + 0.044715*x[i]*x[i]*x[i])
	dz := 2 * sqrt(2/math.Pi) * (1 + 3*0.044715*x[i]*x[i])
	s := 1 / (1 + exp(-z))
	dst[i] = g[i] * (s + x[i]*dz*s*(1-s))`
)

func (s *set) geluGrad(x, g vector) vector {
	s.clampForGrad(x)
	VMULPS(s.c("geluScale"), x, x)
	return s.gatedGrad(x, x, g)
}

func (s *set) geluTanhGrad(x, g vector) vector {
	s.clampForGrad(x)
	z, w := s.vec(), s.vec()
	VMULPS(x, x, z)
	VMOVAPS(z, w)
	s.geluTanhArgument(x, z, "geluTanhCubic")
	s.geluTanhArgument(x, w, "geluTanhCubicBy3")
	return s.gatedGrad(z, w, g)
}

// clampForGrad bounds x: further out the slope is 0 or 1 to rounding, and at
// the infinities it would be 0*Inf.
func (s *set) clampForGrad(x vector) {
	VMINPS(x, s.value("gradHigh"), x) // NaN stays
	VMAXPS(x, s.value("gradLow"), x)
}

// gatedGrad is g times the derivative of x*logistic(z), which is
// y + w*logistic(z)*logistic(-z) with y = logistic(z) and w = x*dz/dx.
func (s *set) gatedGrad(z, w, g vector) vector {
	low, high := s.logisticParts(z)
	VADDPS(low, high, high)
	VDIVPS(high, low, low)
	high = s.fresh("one")
	VSUBPS(low, high, high)
	y := s.blendSign(z, low, high)
	VMULPS(low, high, high)
	VFMADD231PS(high, w, y)
	VMULPS(g, y, y)
	return y
}
