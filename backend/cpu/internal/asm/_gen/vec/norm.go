package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// normalised loads x and makes it (x-mean)*rstd.
func (s *set) normalised(at func(string) Mem) vector {
	x := s.load(at("x"))
	VSUBPS(s.c("mean"), x, x)
	VMULPS(s.c("rstd"), x, x)
	return x
}

var layerNorm = mapKernel{
	name:      "LayerNorm",
	signature: "func(dst, x, w, b []float32, mean, rstd float32)",
	about:     "NAME is",
	loop:      "for i := range x {\n\tdst[i] = (x[i]-mean)*rstd*w[i] + b[i]\n}",
	length:    "x",
	scalars:   []string{"mean", "rstd"},
	body: func(s *set, at func(string) Mem) {
		x, w, b := s.normalised(at), s.load(at("w")), s.load(at("b"))
		VFMADD231PS(x, w, b)
		s.store(b, at("dst"))
	},
}

var layerNormGradX = mapKernel{
	name:      "LayerNormGradX",
	signature: "func(dx, x, w, dy []float32, mean, rstd, m1, m2 float32)",
	about:     "NAME is",
	loop:      "for i := range x {\n\tdx[i] = rstd * (w[i]*dy[i] - m1 - (x[i]-mean)*rstd*m2)\n}",
	length:    "x",
	scalars:   []string{"mean", "rstd", "m1", "m2"},
	body: func(s *set, at func(string) Mem) {
		x, w, dy := s.normalised(at), s.load(at("w")), s.load(at("dy"))
		VFMSUB213PS(s.c("m1"), w, dy)
		VFNMADD231PS(s.c("m2"), x, dy)
		VMULPS(s.c("rstd"), dy, dy)
		s.store(dy, at("dx"))
	},
}

var layerNormGradW = mapKernel{
	name:      "LayerNormGradW",
	signature: "func(dw, x, dy []float32, mean, rstd float32)",
	about:     "NAME is",
	loop:      "for i := range x {\n\tdw[i] += dy[i] * ((x[i] - mean) * rstd)\n}",
	length:    "x",
	scalars:   []string{"mean", "rstd"},
	body: func(s *set, at func(string) Mem) {
		x, dy, dw := s.normalised(at), s.load(at("dy")), s.load(at("dw"))
		VFMADD231PS(dy, x, dw)
		s.store(dw, at("dw"))
	},
}

var adamDirection = mapKernel{
	name: "AdamDirection",
	signature: "func(u, m, v, p, g []float32, " +
		"beta1, rest1, beta2, rest2, scale1, scale2, eps, wd float32)",
	about: "NAME is",
	loop: `
for i := range g {
	m[i] = beta1*m[i] + rest1*g[i]
	v[i] = beta2*v[i] + rest2*(g[i]*g[i])
	u[i] = m[i]*scale1/(sqrt(v[i]*scale2)+eps) + wd*p[i]
}`,
	length:  "g",
	scalars: []string{"beta1", "rest1", "beta2", "rest2", "scale1", "scale2", "eps", "wd"},
	body: func(s *set, at func(string) Mem) {
		g, m, v, p := s.load(at("g")), s.load(at("m")), s.load(at("v")), s.load(at("p"))
		VMULPS(s.c("beta1"), m, m)
		VFMADD231PS(s.c("rest1"), g, m)
		VMULPS(g, g, g)
		VMULPS(s.c("beta2"), v, v)
		VFMADD231PS(s.c("rest2"), g, v)
		s.store(m, at("m"))
		s.store(v, at("v"))
		VMULPS(s.c("scale2"), v, v)
		VSQRTPS(v, v)
		VADDPS(s.c("eps"), v, v)
		VMULPS(s.c("scale1"), m, m)
		VDIVPS(v, m, m)
		VFMADD231PS(s.c("wd"), p, m)
		s.store(m, at("u"))
	},
}
