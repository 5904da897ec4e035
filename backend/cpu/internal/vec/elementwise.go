package vec

// Exp sets dst[i] = exp(x[i]), within 2 ulp, denormal results included.
func Exp(dst, x []float32) {
	check("Exp", len(dst), len(x))
	active.exp(dst, x)
}

// Log sets dst[i] = log(x[i]), within 2 ulp: -Inf at zero, NaN below.
func Log(dst, x []float32) {
	check("Log", len(dst), len(x))
	active.log(dst, x)
}

// Sqrt sets dst[i] = sqrt(x[i]), correctly rounded.
func Sqrt(dst, x []float32) {
	check("Sqrt", len(dst), len(x))
	active.sqrt(dst, x)
}

// Tanh sets dst[i] = tanh(x[i]), within 2 ulp.
func Tanh(dst, x []float32) {
	check("Tanh", len(dst), len(x))
	active.tanh(dst, x)
}

// Logistic sets dst[i] = 1/(1+exp(-x[i])), within 4 ulp, denormal results
// included.
func Logistic(dst, x []float32) {
	check("Logistic", len(dst), len(x))
	active.logistic(dst, x)
}

// GELU sets dst[i] = x[i]*logistic(1.702*x[i]), the logistic approximation
// (Hendrycks and Gimpel 2016), within 1e-7*max(1, |x[i]|).
func GELU(dst, x []float32) {
	check("GELU", len(dst), len(x))
	active.gelu(dst, x)
}

// GELUTanh sets
//
//	dst[i] = 0.5*x*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3))), x = x[i],
//
// the other approximation of the same paper, within 1e-7*max(1, |x[i]|).
func GELUTanh(dst, x []float32) {
	check("GELUTanh", len(dst), len(x))
	active.geluTanh(dst, x)
}

// TanhGrad sets dst[i] = g[i]*(1-y[i]*y[i]), where y is the result of Tanh.
func TanhGrad(dst, y, g []float32) {
	check("TanhGrad", len(dst), len(y), len(g))
	active.tanhGrad(dst, y, g)
}

// LogisticGrad sets dst[i] = g[i]*y[i]*(1-y[i]), where y is the result of
// Logistic.
func LogisticGrad(dst, y, g []float32) {
	check("LogisticGrad", len(dst), len(y), len(g))
	active.logisticGrad(dst, y, g)
}

// GELUGrad sets dst[i] = g[i]*GELU'(x[i]).
func GELUGrad(dst, x, g []float32) {
	check("GELUGrad", len(dst), len(x), len(g))
	active.geluGrad(dst, x, g)
}

// GELUTanhGrad sets dst[i] = g[i]*GELUTanh'(x[i]).
func GELUTanhGrad(dst, x, g []float32) {
	check("GELUTanhGrad", len(dst), len(x), len(g))
	active.geluTanhGrad(dst, x, g)
}

// Add sets dst[i] = x[i] + y[i].
func Add(dst, x, y []float32) {
	check("Add", len(dst), len(x), len(y))
	active.add(dst, x, y)
}

// Sub sets dst[i] = x[i] - y[i].
func Sub(dst, x, y []float32) {
	check("Sub", len(dst), len(x), len(y))
	active.sub(dst, x, y)
}

// Mul sets dst[i] = x[i] * y[i].
func Mul(dst, x, y []float32) {
	check("Mul", len(dst), len(x), len(y))
	active.mul(dst, x, y)
}

// Div sets dst[i] = x[i] / y[i].
func Div(dst, x, y []float32) {
	check("Div", len(dst), len(x), len(y))
	active.div(dst, x, y)
}

// Max2 sets dst[i] to the larger of x[i] and y[i]: NaN if either is, y[i] if
// they are equal.
func Max2(dst, x, y []float32) {
	check("Max2", len(dst), len(x), len(y))
	active.max2(dst, x, y)
}

// MulAdd adds x[i]*y[i] to dst[i].
func MulAdd(dst, x, y []float32) {
	check("MulAdd", len(dst), len(x), len(y))
	active.mulAdd(dst, x, y)
}

// Affine sets dst[i] = x[i]*scale + shift.
func Affine(dst, x []float32, scale, shift float32) {
	check("Affine", len(dst), len(x))
	active.affine(dst, x, scale, shift)
}

// Axpy adds alpha*x[i] to dst[i].
func Axpy(dst []float32, alpha float32, x []float32) {
	check("Axpy", len(dst), len(x))
	active.axpy(dst, alpha, x)
}
