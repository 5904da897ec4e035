package cpu

import (
	"math"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu/internal/vec"
	"github.com/tiller-ml/tiller/tensor"
)

// Unary is dst = f(x), elementwise.
func (b *Backend) Unary(f backend.Unary, dst, x *tensor.Tensor) {
	b.writes(dst)
	l := b.elementwise(dst.Shape, dst, x)
	defer b.done(l)
	switch dst.DType {
	case tensor.Float32:
		each, cost := unary32(f)
		map1(b, l, cost, slice[float32](dst), slice[float32](x), each)
	case tensor.Float64:
		map1(b, l, slowGrain, slice[float64](dst), slice[float64](x), apply(unary64(f)))
	default:
		tensor.Panicf("Unary", []*tensor.Tensor{dst, x}, "no kernel for %v", dst.DType)
	}
}

var vecUnary = [backend.UnaryKinds]func(dst, x []float32){
	backend.Exp: vec.Exp, backend.Log: vec.Log, backend.Sqrt: vec.Sqrt, backend.Tanh: vec.Tanh,
	backend.Logistic: vec.Logistic, backend.GELU: vec.GELU, backend.GELUTanh: vec.GELUTanh,
}

// unary32 is f over slices and the number of elements worth a task.
func unary32(f backend.Unary) (each func(dst, x []float32), cost int) {
	if f.Kind == backend.Affine {
		scale, shift := float32(f.A), float32(f.B)
		return func(dst, x []float32) { vec.Affine(dst, x, scale, shift) }, grain
	}
	if f.Kind == backend.Power {
		return power32(f.A)
	}
	return vecUnary[f.Kind], grain
}

// power32 is x^a: by products, quotients and roots where a allows.
func power32(a float64) (each func(dst, x []float32), cost int) {
	switch a {
	case 2:
		return func(dst, x []float32) { vec.Mul(dst, x, x) }, grain
	case 0.5:
		return vec.Sqrt, grain
	case -0.5:
		return apply(func(v float32) float32 { return 1 / float32(math.Sqrt(float64(v))) }), grain
	case -1:
		return apply(func(v float32) float32 { return 1 / v }), grain
	}
	return apply(func(v float32) float32 { return float32(math.Pow(float64(v), a)) }), slowGrain
}

func apply[T float](f func(T) T) func(dst, x []T) {
	return func(dst, x []T) {
		for i, v := range x {
			dst[i] = f(v)
		}
	}
}

func unary64(f backend.Unary) func(float64) float64 {
	switch f.Kind {
	case backend.Affine:
		return func(v float64) float64 { return f.A*v + f.B }
	case backend.Power:
		return func(v float64) float64 { return math.Pow(v, f.A) }
	case backend.Exp:
		return math.Exp
	case backend.Log:
		return math.Log
	case backend.Sqrt:
		return math.Sqrt
	case backend.Tanh:
		return math.Tanh
	case backend.Logistic:
		return logistic
	case backend.GELU:
		return gelu
	case backend.GELUTanh:
		return geluTanh
	}
	panic(&tensor.Error{Op: "Unary", Msg: "unknown function"})
}

const (
	geluScale = 1.702
	geluCubic = 0.044715

	// Beyond this GELUTanh is 0 or x, and its derivative 0 or 1, to the last
	// bit; nearer infinity its terms would be 0*Inf. For GELU it is geluBound.
	geluTanhBound = 20
	geluBound     = 450
)

var geluRoot = math.Sqrt(2 / math.Pi)

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func gelu(x float64) float64 {
	if x < -geluBound {
		return math.Copysign(0, -1)
	}
	return x * logistic(geluScale*x)
}

func geluTanh(x float64) float64 {
	if x < -geluTanhBound {
		return math.Copysign(0, -1)
	}
	return x * logistic(2*geluRoot*(x+geluCubic*x*x*x))
}

// geluGrad is s + 1.702x*s*(1-s), s = logistic(1.702x).
func geluGrad(x float64) float64 {
	x = max(-geluBound, min(x, geluBound))
	s := logistic(geluScale * x)
	return s + geluScale*x*s*(1-s)
}

// geluTanhGrad is s + x*z'*s*(1-s), s = logistic(z), z = 2*sqrt(2/pi)*(x+0.044715x^3).
func geluTanhGrad(x float64) float64 {
	x = max(-geluTanhBound, min(x, geluTanhBound))
	s := logistic(2 * geluRoot * (x + geluCubic*x*x*x))
	return s + x*2*geluRoot*(1+3*geluCubic*x*x)*s*(1-s)
}
