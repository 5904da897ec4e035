package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A sumKernel adds up, in float64, a term for each element. There are 32
// running sums, element i going to sum i mod 32, which are then added up in
// halves: sum j and sum j+16, j and j+8, and so on. Both instruction sets and
// the plain Go keep to that order.
type sumKernel struct {
	name      string
	signature string
	about     string
	loop      string
	length    string
	scalars   []string
	add       func(s *set, at func(slice string) Mem, sum vector) // half a vector's terms
}

var sums = []sumKernel{
	{
		name:      "Sum",
		signature: "func(x []float32) float64",
		about:     "NAME returns sum",
		loop:      "for i := range x {\n\tsum += float64(x[i])\n}",
		length:    "x",
		add: func(s *set, at func(string) Mem, sum vector) {
			VADDPD(s.loadDouble(at("x")), sum, sum)
		},
	},
	{
		name:      "SumSquares",
		signature: "func(x []float32) float64",
		about:     "NAME returns sum",
		loop:      "for i := range x {\n\tsum += float64(x[i]) * float64(x[i])\n}",
		length:    "x",
		add: func(s *set, at func(string) Mem, sum vector) {
			x := s.loadDouble(at("x"))
			VFMADD231PD(x, x, sum)
		},
	},
	{
		name:      "DotFloat64",
		signature: "func(x, y []float32) float64",
		about:     "NAME returns sum",
		loop:      "for i := range x {\n\tsum += float64(x[i]) * float64(y[i])\n}",
		length:    "x",
		add: func(s *set, at func(string) Mem, sum vector) {
			x, y := s.loadDouble(at("x")), s.loadDouble(at("y"))
			VFMADD231PD(x, y, sum)
		},
	},
	{
		name:      "SumDeviations",
		signature: "func(x []float32, mean float64) float64",
		about:     "NAME returns sum, with the product rounded",
		loop:      "for i := range x {\n\tsum += (float64(x[i]) - mean) * (float64(x[i]) - mean)\n}",
		length:    "x",
		scalars:   []string{"mean"},
		add: func(s *set, at func(string) Mem, sum vector) {
			d := s.loadDouble(at("x"))
			s.subtractMean(d)
			VMULPD(d, d, d)
			VADDPD(d, sum, sum)
		},
	},
	{
		name:      "LayerNormGradSum",
		signature: "func(x, w, dy []float32, mean, rstd float32) float64",
		about:     "NAME returns sum",
		loop:      "for i := range x {\n\tsum += float64(w[i]*dy[i]) * float64((x[i]-mean)*rstd)\n}",
		length:    "x",
		scalars:   []string{"mean", "rstd"},
		add: func(s *set, at func(string) Mem, sum vector) {
			x, w, dy := s.loadHalf(at("x")), s.loadHalf(at("w")), s.loadHalf(at("dy"))
			VSUBPS(s.lower(s.held["mean"]), x, x)
			VMULPS(s.lower(s.held["rstd"]), x, x)
			VMULPS(w, dy, dy)
			VFMADD231PD(s.double(x), s.double(dy), sum)
		},
	},
}

// lower is the lower half of a vector.
func (s *set) lower(v vector) vector {
	if s.wide() {
		return v.AsY().(vector)
	}
	return v.AsX().(vector)
}

// double widens half a vector of float32 to a vector of float64.
func (s *set) double(h Op) vector {
	d := s.vec()
	VCVTPS2PD(h, d)
	return d
}

func (s *set) loadHalf(m Mem) vector {
	h := s.half()
	switch {
	case !s.tail:
		VMOVUPS(m, h)
	case s.wide():
		VMOVUPS_Z(m, s.maskK, h)
	default:
		VMASKMOVPS(m, s.lower(s.maskV), h)
	}
	return h
}

func (s *set) loadDouble(m Mem) vector {
	if !s.tail {
		return s.double(m)
	}
	return s.double(s.loadHalf(m))
}

// subtractMean leaves zeros beyond the end.
func (s *set) subtractMean(d vector) {
	mean := s.held["mean"]
	switch {
	case !s.tail:
		VSUBPD(mean, d, d)
	case s.wide():
		VSUBPD_Z(mean, d, s.maskK, d)
	default:
		mask := YMM()
		VPMOVSXDQ(s.lower(s.maskV), mask)
		VSUBPD(mean, d, d)
		VANDPD(mask, d, d)
	}
}

func (s *set) emitSum(k sumKernel) {
	s.begin(k.name, k.signature, k.about, k.loop)
	n, base := param(Param(k.length).Len()), bases(k.signature)
	for _, name := range k.scalars {
		if k.name == "SumDeviations" {
			v := s.vec()
			VBROADCASTSD(addr(Param(name)), v)
			s.held[name] = v
			continue
		}
		s.holdParam(name)
	}
	width := s.lanes / 2
	sums := s.zeros(32 / width)
	s.blocks(n, len(sums), width, func(group int, i reg.GPVirtual) {
		k.add(s, func(slice string) Mem {
			return Mem{Base: base[slice], Index: i, Scale: 4, Disp: 4 * width * group}
		}, sums[group])
	})
	s.returnSum(sums)
}

func (s *set) zeros(n int) []vector {
	var v []vector
	for range n {
		v = append(v, s.zero())
	}
	return v
}

// returnSum adds the running sums in halves and returns the total.
func (s *set) returnSum(sums []vector) {
	for n := len(sums) / 2; n > 0; n /= 2 {
		for i := range n {
			VADDPD(sums[i+n], sums[i], sums[i])
		}
	}
	sum, other := sums[0], s.vec()
	if s.wide() {
		VEXTRACTF64X4(U8(1), sum, other.AsY())
		VADDPD(other.AsY(), sum.AsY(), sum.AsY())
	}
	VEXTRACTF128(U8(1), sum.AsY(), other.AsX())
	VADDPD(other.AsX(), sum.AsX(), sum.AsX())
	VUNPCKHPD(sum.AsX(), sum.AsX(), other.AsX())
	VADDSD(other.AsX(), sum.AsX(), sum.AsX())
	VMOVSD(sum.AsX(), addr(ReturnIndex(0)))
	finish()
}

// emitExpSum generates the one sum with 16 running sums and with a result per
// element.
func (s *set) emitExpSum() {
	signature := "func(dst, x []float32, shift float32) float64"
	s.begin("ExpSum", signature, "NAME returns sum",
		"for i := range x {\n\tdst[i] = exp(x[i] - shift)\n\tsum += float64(dst[i])\n}")
	n, base := param(Param("x").Len()), bases(signature)
	s.hold(expConstants...)
	s.holdParam("shift")
	sums := s.zeros(32 / s.lanes)
	s.blocks(n, 16/s.lanes, s.lanes, func(g int, i reg.GPVirtual) {
		at := func(slice string) Mem {
			return Mem{Base: base[slice], Index: i, Scale: 4, Disp: 4 * s.lanes * g}
		}
		x := s.load(at("x"))
		VSUBPS(s.c("shift"), x, x)
		e := s.exp(x)
		s.store(e, at("dst"))
		s.clearTail(e)
		VADDPD(s.double(s.lower(e)), sums[2*g], sums[2*g])
		upper := s.half()
		if s.wide() {
			VEXTRACTF32X8(U8(1), e, upper)
		} else {
			VEXTRACTF128(U8(1), e, upper)
		}
		VADDPD(s.double(upper), sums[2*g+1], sums[2*g+1])
	})
	s.returnSum(sums)
}

// clearTail clears the lanes beyond the end.
func (s *set) clearTail(v vector) {
	switch {
	case !s.tail:
	case s.wide():
		VMOVAPS_Z(v, s.maskK, v)
	default:
		VANDPS(s.maskV, v, v)
	}
}

// emitMax generates the maximum. NaNs, which VMAXPS would lose, are noted
// apart.
func (s *set) emitMax() {
	signature := "func(x []float32) float32"
	s.begin("Max", signature, "NAME returns m, which starts as -Inf",
		"for i := range x {\n\tm = max(m, x[i])\n}")
	n, base := param(Param("x").Len()), bases(signature)
	s.hold("minusInf")
	nan := newNaNs(s)
	maxima := make([]vector, 32/s.lanes)
	for g := range maxima {
		maxima[g] = s.fresh("minusInf")
	}
	s.blocks(n, len(maxima), s.lanes, func(g int, i reg.GPVirtual) {
		x := s.load(Mem{Base: base["x"], Index: i, Scale: 4, Disp: 4 * s.lanes * g})
		if s.tail && s.wide() {
			least := s.fresh("minusInf")
			VMOVAPS(x, s.maskK, least)
			x = least
		} else if s.tail {
			VBLENDVPS(s.maskV, x, s.fresh("minusInf"), x)
		}
		nan.note(x)
		VMAXPS(x, maxima[g], maxima[g])
	})
	s.returnMax(maxima, nan)
}

// nans notes whether a NaN was seen.
type nans struct {
	k reg.OpmaskVirtual
	v vector
}

func newNaNs(s *set) nans {
	if s.wide() {
		k := K()
		KXORW(k, k, k)
		return nans{k: k}
	}
	return nans{v: s.zero()}
}

func (n nans) note(x vector) {
	if n.k != nil {
		k := K()
		VCMPPS(U8(unordered), x, x, k)
		KORW(k, n.k, n.k)
		return
	}
	v := YMM()
	VCMPPS(U8(unordered), x, x, v)
	VORPS(v, n.v, n.v)
}

func (s *set) returnMax(maxima []vector, nan nans) {
	for n := len(maxima) / 2; n > 0; n /= 2 {
		for i := range n {
			VMAXPS(maxima[i+n], maxima[i], maxima[i])
		}
	}
	m, other := maxima[0], s.vec()
	if s.wide() {
		VEXTRACTF32X8(U8(1), m, other.AsY())
		VMAXPS(other.AsY(), m.AsY(), m.AsY())
	}
	VEXTRACTF128(U8(1), m.AsY(), other.AsX())
	VMAXPS(other.AsX(), m.AsX(), m.AsX())
	VPERMILPS(U8(0x4e), m.AsX(), other.AsX()) // swap halves
	VMAXPS(other.AsX(), m.AsX(), m.AsX())
	VPERMILPS(U8(0xb1), m.AsX(), other.AsX()) // swap neighbours
	VMAXPS(other.AsX(), m.AsX(), m.AsX())
	if s.wide() {
		KORTESTW(nan.k, nan.k)
	} else {
		seen := GP32()
		VMOVMSKPS(nan.v, seen)
		TESTL(seen, seen)
	}
	JZ(LabelRef("ordered"))
	VPCMPEQD(m.AsX(), m.AsX(), m.AsX()) // all ones are a NaN
	Label("ordered")
	VMOVSS(m.AsX(), addr(ReturnIndex(0)))
	finish()
}
