package vec

import "math"

// AdamDirection advances Adam's moments by the gradient g of the parameters p
// and sets u to the direction of descent, in one pass:
//
//	m = beta1*m + (1-beta1)*g
//	v = beta2*v + (1-beta2)*g^2
//	u = (m/correction1) / (sqrt(v/correction2)+eps) + wd*p
//
// The corrections are 1-beta1^t and 1-beta2^t, or 1 for LAMB. u may be g.
// The factors are worked out in float64: in float32, 1-0.999 is off by 1e-5.
func AdamDirection(u, m, v, p, g []float32, beta1, beta2, eps, wd, correction1, correction2 float64) {
	check("AdamDirection", len(u), len(m), len(v), len(p), len(g))
	active.adamDirection(u, m, v, p, g,
		float32(beta1), float32(1-beta1), float32(beta2), float32(1-beta2),
		float32(1/correction1), float32(1/correction2), float32(eps), float32(wd))
}

func adamDirectionGeneric(u, m, v, p, g []float32, beta1, rest1, beta2, rest2, scale1, scale2, eps, wd float32) {
	for i, d := range g {
		m[i] = beta1*m[i] + rest1*d
		v[i] = beta2*v[i] + rest2*(d*d)
		root := float32(math.Sqrt(float64(v[i] * scale2)))
		u[i] = m[i]*scale1/(root+eps) + wd*p[i]
	}
}
