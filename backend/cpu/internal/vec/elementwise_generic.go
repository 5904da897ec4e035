package vec

import "math"

func expGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

func logGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Log(float64(v)))
	}
}

func sqrtGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

func tanhGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(math.Tanh(float64(v)))
	}
}

func logisticGeneric(dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(logistic64(float64(v)))
	}
}

func geluGeneric(dst, x []float32) {
	for i, v := range x {
		f := math.Max(float64(v), -math.MaxFloat32) // the limit at -Inf is 0
		dst[i] = float32(f * logistic64(geluScale*f))
	}
}

func geluTanhGeneric(dst, x []float32) {
	for i, v := range x {
		f := math.Max(float64(v), -math.MaxFloat32)
		dst[i] = float32(f * logistic64(f*(geluTanhLinear+geluTanhCubic*f*f)))
	}
}

func tanhGradGeneric(dst, y, g []float32) {
	for i, v := range y {
		f := float64(v)
		dst[i] = float32(float64(g[i]) * (1 - f*f))
	}
}

func logisticGradGeneric(dst, y, g []float32) {
	for i, v := range y {
		f := float64(v)
		dst[i] = float32(float64(g[i]) * f * (1 - f))
	}
}

func geluGradGeneric(dst, x, g []float32) {
	for i, v := range x {
		f := clamp(float64(v), gradBound)
		s := logistic64(geluScale * f)
		dst[i] = float32(float64(g[i]) * (s + geluScale*f*s*(1-s)))
	}
}

func geluTanhGradGeneric(dst, x, g []float32) {
	for i, v := range x {
		f := clamp(float64(v), gradBound)
		s := logistic64(f * (geluTanhLinear + geluTanhCubic*f*f))
		dz := geluTanhLinear + 3*geluTanhCubic*f*f
		dst[i] = float32(float64(g[i]) * (s + f*dz*s*(1-s)))
	}
}

const (
	geluScale = 1.702

	// 0.5*(1+tanh(z)) is logistic(2z), so GELUTanh is
	// x*logistic(x*(geluTanhLinear+geluTanhCubic*x^2)).
	geluTanhLinear = 1.5957691216057308 // 2*sqrt(2/pi)
	geluTanhCubic  = 0.044715 * geluTanhLinear

	// Beyond this the derivatives of both GELUs are 0 or 1 to float32
	// rounding; nearer infinity their terms would be 0*Inf.
	gradBound = 64
)

func logistic64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func clamp(x, bound float64) float64 { return math.Max(-bound, math.Min(x, bound)) }

func addGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func subGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v - y[i]
	}
}

func mulGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

func divGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v / y[i]
	}
}

func max2Generic(dst, x, y []float32) {
	for i, v := range x {
		if v > y[i] || v != v {
			dst[i] = v
		} else {
			dst[i] = y[i]
		}
	}
}

func mulAddGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] += v * y[i]
	}
}

func affineGeneric(dst, x []float32, scale, shift float32) {
	for i, v := range x {
		dst[i] = v*scale + shift
	}
}

func axpyGeneric(dst []float32, alpha float32, x []float32) {
	for i, v := range x {
		dst[i] += alpha * v
	}
}
