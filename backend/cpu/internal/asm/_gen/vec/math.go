package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// constants are the float32 bits of what the kernels read from memory.
//
// expC, ratioC and logC are minimax polynomials (Remez's algorithm, rounding
// one coefficient after the other from the lowest), lowest degree first:
//
//	exp(r) = 1 + r + r^2*expC(r)         |r| <= log(2)/2, relative error 3.2e-9
//	r*coth(r/2) = 2 + r^2*ratioC(r^2)    |r| <= log(2)/2 + 0.06, 5.8e-9
//	log(1+f) = f - f^2/2 + f^3*logC(f)   sqrt(1/2) <= 1+f < sqrt(2), 1.2e-8
//
// The sum of magic and a small number has that number, rounded to an integer,
// in its low bits; the magics include the bias of the exponent that the
// integer becomes.
var constants = map[string]uint32{
	"expC0": 0x3efffffe, "expC1": 0x3e2aaa46, "expC2": 0x3d2aac2c, "expC3": 0x3c091ef0, "expC4": 0x3ab563a7,

	"ratioC0": 0x3e2aaa77, "ratioC1": 0xbb350d9d,

	"logC0": 0x3eaaaaaa, "logC1": 0xbe800114, "logC2": 0x3e4cd01b, "logC3": 0xbe2a3913,
	"logC4": 0x3e116ad9, "logC5": 0xbe06c128, "logC6": 0x3e02c29f, "logC7": 0xbd9c9979,

	"log2e":      f32(math.Log2E),
	"twoLog2e":   f32(2 * math.Log2E),
	"ln2High":    f32(0.693359375), // 9 bits: its products with exponents are exact
	"ln2Low":     f32(math.Ln2 - 0.693359375),
	"magicPlain": f32(magic + 127),
	"magicSplit": f32(magic + 2*127),    // for an exponent in two parts
	"magicDown":  f32(magic + 127 + 64), // for a small one: 2^(n+64) times 2^-64
	"twoToM64":   f32(0x1p-64),

	"magicPlainAnd2": f32(magic + 127 + 2),

	"expHigh":      f32(89),   // exp is +Inf here and above
	"expLow":       f32(-104), // exp rounds to 0 below
	"logisticLow":  f32(-106), // twice exp rounds to 0 here
	"tanhShift":    f32(0.03),
	"tanhHigh":     f32(9.02), // tanh rounds to 1 from here on
	"smallest":     f32(0x1p-126),
	"twoTo23":      f32(0x1p23),
	"23":           f32(23),
	"sqrtHalf":     0x3f3504f3,
	"sqrtTwo":      0x3fb504f3,
	"mantissaMask": 0x007fffff,
	"logFixup":     0x03538422, // see log
	"inf":          0x7f800000,
	"minusInf":     0xff800000,

	"zero": f32(0),
	"half": f32(0.5),
	"one":  f32(1),
	"two":  f32(2),
	"sign": 0x80000000,
	"abs":  0x7fffffff,

	"largest":          f32(math.MaxFloat32),
	"geluScale":        f32(1.702),
	"geluTanhLinear":   f32(geluTanhLinear),
	"geluTanhCubic":    f32(geluTanhCubic),
	"geluTanhCubicBy3": f32(3 * geluTanhCubic),
	"gradHigh":         f32(64),
	"gradLow":          f32(-64),
}

const (
	magic          = 3 << 22
	geluTanhLinear = 1.5957691216057308 // 2*sqrt(2/pi)
	geluTanhCubic  = 0.044715 * geluTanhLinear
)

func f32(x float64) uint32 { return math.Float32bits(float32(x)) }

// The constants each function needs.
var (
	expConstants = []string{"magicSplit", "expHigh", "expLow", "log2e", "ln2High", "ln2Low",
		"expC0", "expC1", "expC2", "expC3", "expC4", "one"}
	ratioConstants    = []string{"ln2High", "ln2Low", "ratioC0", "ratioC1", "two"}
	logisticConstants = append([]string{"magicDown", "sign", "logisticLow", "log2e"}, ratioConstants...)
	tanhConstants     = append([]string{"magicPlain", "magicPlainAnd2", "sign", "abs", "tanhShift", "tanhHigh", "twoLog2e", "one"}, ratioConstants...)
	logConstants      = []string{"one", "half", "sqrtTwo", "ln2High", "ln2Low", "logFixup",
		"logC0", "logC1", "logC2", "logC3", "logC4", "logC5", "logC6", "logC7"}
)

// round is z = x*factor + magic, whose low bits are round(x*factor), and that
// integer n as a float.
func (s *set) round(x vector, factor, magic string) (z, n vector) {
	z, n = s.fresh(magic), s.vec()
	VFMADD231PS(s.c(factor), x, z)
	VSUBPS(s.c(magic), z, n)
	return z, n
}

// expOfRemainder is exp(r) for r = x-n*log(2), which overwrites x.
func (s *set) expOfRemainder(x, n vector) vector {
	r, p, r2 := x, s.fresh("expC4"), s.vec()
	VFNMADD231PS(s.c("ln2High"), n, r)
	VFNMADD231PS(s.c("ln2Low"), n, r)
	for _, c := range []string{"expC3", "expC2", "expC1", "expC0"} {
		VFMADD213PS(s.c(c), r, p)
	}
	VMULPS(r, r, r2)
	VFMADD213PS(r, r2, p)
	VADDPS(s.c("one"), p, p)
	return p
}

// exp overwrites x with exp(x). Where the result is 0 it computes exp(0) and
// clears that: an underflow would cost a hundred cycles, and the masked
// elements of a softmax are all of this kind.
func (s *set) exp(x vector) vector {
	if s.wide() {
		some := K()
		VCMPPS(U8(notLess), s.c("expLow"), x, some)
		VMINPS_Z(x, s.value("expHigh"), some, x)
		_, n := s.round(x, "log2e", "magicSplit")
		p := s.expOfRemainder(x, n)
		VSCALEFPS_Z(n, p, some, p)
		return p
	}
	none := s.vec()
	VCMPPS(U8(less), s.c("expLow"), x, none)
	VMINPS(x, s.value("expHigh"), x)
	VANDNPS(x, none, x)
	z, n := s.round(x, "log2e", "magicSplit")
	p := s.expOfRemainder(x, n)
	// 2^n in two factors, so that overflow and underflow come out of the
	// last product, rounded once.
	first := s.vec()
	VPSRLD(U8(1), z, first)
	VPSUBD(first, z, z)
	VPSLLD(U8(23), first, first)
	VPSLLD(U8(23), z, z)
	VMULPS(first, p, p)
	VMULPS(z, p, p)
	VANDNPS(p, none, p)
	return p
}

// Predicates of VCMPPS.
const (
	less            = 0x11 // false if either is NaN
	notLess         = 0x15
	unordered       = 0x03
	equal           = 0x00
	notGreaterEqual = 0x19 // true if either is NaN
	atLeast         = 0x1d
)

// ratio is R = r*coth(r/2) of the remainder r = x-n*log(2), which overwrites x.
// It is even in r, hence cheaper than the exponential, and
//
//	exp(r) = (R+r) / (R-r)
//
// so it serves where there is a division anyway.
func (s *set) ratio(x, n vector) vector {
	r, r2, p := x, s.vec(), s.fresh("ratioC1")
	VFNMADD231PS(s.c("ln2High"), n, r)
	VFNMADD231PS(s.c("ln2Low"), n, r)
	VMULPS(r, r, r2)
	VFMADD213PS(s.c("ratioC0"), r2, p)
	VFMADD213PS(s.c("two"), r2, p)
	return p
}

// logisticParts returns low and high such that logistic(-|x|) is low/(low+high)
// and logistic(|x|) is high/(low+high): there is no overflow, and small results
// stay accurate.
func (s *set) logisticParts(x vector) (low, high vector) {
	r, low, high := s.vec(), s.vec(), s.vec()
	VORPS(s.c("sign"), x, r)
	VMAXPS(r, s.value("logisticLow"), r) // NaN stays: the maximum's second operand
	z, n := s.round(r, "log2e", "magicDown")
	ratio := s.ratio(r, n)
	VSUBPS(r, ratio, high)
	VADDPS(r, ratio, low)
	if s.wide() {
		VSCALEFPS(n, low, low)
		return low, high
	}
	VPSLLD(U8(23), z, z)
	VMULPS(z, low, low)
	VMULPS(s.c("twoToM64"), low, low)
	return low, high
}

func (s *set) logistic(x vector) vector {
	low, high := s.logisticParts(x)
	y := s.blendSign(x, low, high)
	VADDPS(high, low, low)
	VDIVPS(low, y, y)
	return y
}

// tanh is (e-1)/(e+1) with e = exp(2|x|) = 2^n*(R+r)/(R-r), that is
//
//	((2^n-1)*R + (2^n+1)*r) / ((2^n+1)*R + (2^n-1)*r)
//
// For small x, where n is 0, it is r/R and has no cancellation. From n = 2 on
// it is 1 + 2*(r-R) over the same denominator, where roundings weigh less; n
// is the rounding of a slightly smaller x, so that it is not 2 before tanh(x)
// is 1/2.
func (s *set) tanh(x vector) vector {
	r, plus, minus, num, den := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
	VANDPS(s.c("abs"), x, r)
	VMINPS(r, s.value("tanhHigh"), r) // NaN stays
	VSUBPS(s.c("tanhShift"), r, num)
	z, n := s.round(num, "twoLog2e", "magicPlain")
	large := s.compare(atLeast, "magicPlainAnd2", z)
	VADDPS(r, r, r)
	ratio := s.ratio(r, n)
	VPSLLD(U8(23), z, z) // 2^n
	VSUBPS(s.c("one"), z, minus)
	VADDPS(s.c("one"), z, plus)
	VMULPS(minus, ratio, num)
	VMULPS(minus, r, den)
	VFMADD231PS(plus, r, num)
	VFMADD231PS(plus, ratio, den)
	VSUBPS(ratio, r, r)
	VADDPS(r, r, r)
	s.blend(large, r, num)
	VDIVPS(den, num, num)
	s.addWhere(large, "one", num)
	VANDPS(s.c("sign"), x, r)
	VORPS(r, num, num)
	return num
}

// log is the logarithm of the mantissa, taken between sqrt(1/2) and sqrt(2),
// plus the exponent times log(2).
func (s *set) log(x vector) vector {
	f, e := s.mantissa(x)
	VSUBPS(s.c("one"), f, f)
	y, f2 := s.fresh("logC7"), s.vec()
	for _, c := range []string{"logC6", "logC5", "logC4", "logC3", "logC2", "logC1", "logC0"} {
		VFMADD213PS(s.c(c), f, y)
	}
	VMULPS(f, f, f2)
	VMULPS(f, y, y)
	VMULPS(f2, y, y)
	VFMADD231PS(s.c("ln2Low"), e, y)
	VFNMADD231PS(s.c("half"), f2, y)
	VADDPS(f, y, y)
	VFMADD231PS(s.c("ln2High"), e, y)
	if s.wide() {
		// The table answers, from the lowest four bits up, for x a quiet
		// NaN (2: itself), a signalling one (2), 0 (4: -Inf), 1 (8: 0), -Inf
		// (3: NaN), +Inf (5: itself), negative (3) and positive (0: y).
		VFIXUPIMMPS(U8(0), s.c("logFixup"), x, y)
		return y
	}
	special := s.vec()
	VCMPPS(U8(equal), s.c("inf"), x, special)
	VBLENDVPS(special, x, y, y)
	VCMPPS(U8(equal), s.c("zero"), x, special)
	VBLENDVPS(special, s.c("minusInf"), y, y)
	VCMPPS(U8(notGreaterEqual), s.c("zero"), x, special)
	VORPS(special, y, y)
	return y
}

// mantissa splits a positive x in f*2^e with sqrt(1/2) <= f < sqrt(2).
func (s *set) mantissa(x vector) (f, e vector) {
	f, e = s.vec(), s.vec()
	if s.wide() {
		large := K()
		VGETEXPPS(x, e)
		VGETMANTPS(U8(0), x, f) // from 1 to 2
		VCMPPS(U8(atLeast), s.c("sqrtTwo"), f, large)
		VMULPS(s.c("half"), f, large, f)
		VADDPS(s.c("one"), e, large, e)
		return f, e
	}
	denormal, scaled := s.vec(), s.vec()
	VCMPPS(U8(less), s.c("smallest"), x, denormal)
	VMULPS(s.c("twoTo23"), x, scaled)
	VBLENDVPS(denormal, scaled, x, f)
	VPSUBD(s.c("sqrtHalf"), f, f)
	VPSRAD(U8(23), f, e)
	VCVTDQ2PS(e, e)
	VANDPS(s.c("23"), denormal, denormal)
	VSUBPS(denormal, e, e)
	VPAND(s.c("mantissaMask"), f, f)
	VPADDD(s.c("sqrtHalf"), f, f)
	return f, e
}
