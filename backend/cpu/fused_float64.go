package cpu

import "math"

// vector64 is plain: float64 is for checking gradients.
var vector64 = vector[float64]{
	max:           max64,
	sum:           sum64,
	dot:           dot64,
	expSum:        expSum64,
	add:           add[float64],
	mul:           mulEach[float64],
	affine:        affine64,
	axpy:          axpy64,
	dotRows:       dotRows64,
	addRows:       addRows64,
	moments:       moments64,
	layerNorm:     layerNorm64,
	layerNormGrad: layerNormGrad64,
	lstmGates:     lstmGates64,
	lstmGatesGrad: lstmGatesGrad64,
	gelu:          gelu64,
	geluGrad:      geluGradEach,
	adam:          adam64,
}

func max64(x []float64) float64 {
	m := math.Inf(-1)
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

func sum64(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s
}

func dot64(x, y []float64) float64 {
	var s float64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func expSum64(dst, x []float64, shift float64) float64 {
	var s float64
	for i, v := range x {
		dst[i] = math.Exp(v - shift)
		s += dst[i]
	}
	return s
}

func affine64(dst, x []float64, scale, shift float64) {
	for i, v := range x {
		dst[i] = v*scale + shift
	}
}

func axpy64(dst []float64, alpha float64, x []float64) {
	for i, v := range x {
		dst[i] += alpha * v
	}
}

func dotRows64(dst, x, a []float64, stride int) {
	for i := range dst {
		dst[i] = dot64(x, a[i*stride:])
	}
}

func addRows64(y, x, a []float64, stride int) {
	for i, v := range x {
		axpy64(y, v, a[i*stride:i*stride+len(y)])
	}
}

func moments64(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean *= 1 / float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance * (1 / float64(len(x)))
}

func layerNorm64(dst, x, w, b []float64, mean, rstd float64) {
	for i, v := range x {
		dst[i] = (v-mean)*rstd*w[i] + b[i]
	}
}

func layerNormGrad64(dx, dw, db, x, w, dy []float64, mean, rstd float64) {
	var s1, s2 float64 // sums of w*dy and of w*dy*xhat
	for i, v := range x {
		xhat := (v - mean) * rstd
		s1 += w[i] * dy[i]
		s2 += w[i] * dy[i] * xhat
		if dw != nil {
			dw[i] += dy[i] * xhat
		}
		if db != nil {
			db[i] += dy[i]
		}
	}
	if dx == nil {
		return
	}
	n := float64(len(x))
	for i, v := range x {
		dx[i] = rstd * (w[i]*dy[i] - s1/n - (v-mean)*rstd*s2/n)
	}
}

func lstmGates64(gates, cPrev, c, h []float64) {
	n := len(h)
	for k := range n {
		i, f := logistic(gates[k]), logistic(gates[n+k])
		g, o := math.Tanh(gates[2*n+k]), logistic(gates[3*n+k])
		gates[k], gates[n+k], gates[2*n+k], gates[3*n+k] = i, f, g, o
		c[k] = f*cPrev[k] + i*g
		h[k] = o * math.Tanh(c[k])
	}
}

func lstmGatesGrad64(gates, cPrev, c, dh, dc []float64) {
	n := len(c)
	for k := range n {
		i, f, g, o := gates[k], gates[n+k], gates[2*n+k], gates[3*n+k]
		t := math.Tanh(c[k])
		d := dc[k] + dh[k]*o*(1-t*t)
		gates[k] = d * g * i * (1 - i)
		gates[n+k] = d * cPrev[k] * f * (1 - f)
		gates[2*n+k] = d * i * (1 - g*g)
		gates[3*n+k] = dh[k] * t * o * (1 - o)
		dc[k] = d * f
	}
}

func gelu64(dst, x []float64) {
	for i, v := range x {
		dst[i] = gelu(v)
	}
}

func adam64(u, m, v, p, g []float64, beta1, beta2, eps, wd, c1, c2 float64) {
	for i, d := range g {
		m[i] = beta1*m[i] + (1-beta1)*d
		v[i] = beta2*v[i] + (1-beta2)*d*d
		u[i] = m[i]/c1/(math.Sqrt(v[i]/c2)+eps) + wd*p[i]
	}
}
