package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The parts of gates are often a multiple of 4096 bytes apart. A load would
// then wait for an unrelated store to the same place in another part, so each
// kernel loads a vector of everything before it stores any.

var lstmGates = mapKernel{
	name:      "LSTMGates",
	signature: "func(gates, cPrev, c, h []float32)",
	about:     "NAME is, for n = len(h) and the four n elements i, f, g and o of gates",
	loop: `
for k := range n {
	i[k], f[k], o[k] = logistic(i[k]), logistic(f[k]), logistic(o[k])
	g[k] = tanh(g[k])
	c[k] = f[k]*cPrev[k] + i[k]*g[k]
	h[k] = o[k] * tanh(c[k])
}`,
	length:    "h",
	constants: append(tanhConstants, logisticConstants...),
	body: func(s *set, at func(string) Mem) {
		var gates [4]vector
		for part := range gates {
			gates[part] = s.load(at(fmt.Sprint("gates", part)))
		}
		c := s.load(at("cPrev"))
		i, f, g := s.logistic(gates[0]), s.logistic(gates[1]), s.tanh(gates[2])
		o := s.logistic(gates[3])
		VMULPS(f, c, c)
		VFMADD231PS(i, g, c)
		for part, v := range []vector{i, f, g, o} {
			s.store(v, at(fmt.Sprint("gates", part)))
		}
		s.store(c, at("c"))
		h := s.tanh(c)
		VMULPS(o, h, h)
		s.store(h, at("h"))
	},
}

var lstmGatesGrad = mapKernel{
	name:      "LSTMGatesGrad",
	signature: "func(gates, cPrev, c, dh, dc []float32)",
	about:     "NAME is, for n = len(c) and the four n elements i, f, g and o of gates",
	loop: `
for k := range n {
	t := tanh(c[k])
	dct := dc[k] + dh[k]*o[k]*(1-t*t)
	dc[k] = dct * f[k]
	di := dct * g[k] * (i[k] * (1 - i[k]))
	df := dct * cPrev[k] * (f[k] * (1 - f[k]))
	dg := dct * i[k] * (1 - g[k]*g[k])
	do := dh[k] * t * (o[k] * (1 - o[k]))
	i[k], f[k], g[k], o[k] = di, df, dg, do
}`,
	length:    "c",
	constants: tanhConstants,
	body: func(s *set, at func(string) Mem) {
		t, dh, dct := s.load(at("c")), s.load(at("dh")), s.load(at("dc"))
		i, f, g, o := s.load(at("gates0")), s.load(at("gates1")), s.load(at("gates2")), s.load(at("gates3"))
		df := s.load(at("cPrev"))
		t = s.tanh(t)

		do, slope := s.vec(), s.fresh("one")
		VMULPS(t, dh, do)
		VFNMADD231PS(t, t, slope)
		VMULPS(o, dh, dh)
		VFMADD231PS(slope, dh, dct)
		s.logisticSlope(o, slope)
		VMULPS(slope, do, do)

		VMULPS(dct, df, df)
		s.logisticSlope(f, slope)
		VMULPS(slope, df, df)
		VMULPS(dct, f, f)

		s.logisticSlope(i, slope)
		VMULPS(dct, i, i)
		VMULPS(g, slope, slope)
		VMULPS(dct, slope, slope)
		dg := s.tanhGrad(g, i)

		for part, v := range []vector{slope, df, dg, do} {
			s.store(v, at(fmt.Sprint("gates", part)))
		}
		s.store(f, at("dc"))
	},
}
