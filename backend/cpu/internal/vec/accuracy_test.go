package vec

import (
	"math"
	"slices"
	"testing"

	"github.com/tiller-ml/tiller/backend/cpu/internal/asm"
)

// eachImplementation runs test with each implementation behind the exported
// routines.
func eachImplementation(t *testing.T, test func(t *testing.T)) {
	for isa := asm.Generic; isa <= asm.AVX512; isa++ {
		k := implementations[isa]
		if k == nil {
			continue
		}
		t.Run(isa.String(), func(t *testing.T) {
			defer func(k *kernels) { active = k }(active)
			active = k
			test(t)
		})
	}
}

// ulpFunctions are the functions whose error is bounded in units in the last
// place of the correctly rounded result. exponent is the binade of arguments,
// of both signs, on which to test the assembly exhaustively.
var ulpFunctions = []struct {
	name     string
	f        func(dst, x []float32)
	want     func(float64) float64
	bound    int64
	exponent int
}{
	{"Exp", Exp, math.Exp, 2, -2},
	{"Log", Log, math.Log, 2, -1},
	{"Sqrt", Sqrt, math.Sqrt, 0, 0},
	{"Tanh", Tanh, math.Tanh, 2, -3},
	{"Logistic", Logistic, logistic64, 4, 1},
}

func TestUlp(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, f := range ulpFunctions {
			t.Run(f.name, func(t *testing.T) {
				var worst ulpError
				worst.scan(f.f, f.want, 0, 1021, 1<<32/1021)
				if active != &generic {
					first := uint32(f.exponent+127) << 23
					worst.scan(f.f, f.want, first, 1, 1<<23)
					worst.scan(f.f, f.want, first|1<<31, 1, 1<<23)
				}
				if worst.ulp > f.bound {
					t.Errorf("%s(%g) is %d ulp off, more than %d", f.name, worst.at, worst.ulp, f.bound)
				}
				t.Logf("%s: at most %d ulp from the rounded result, %.3f from the exact, at %g", f.name, worst.ulp, worst.exact, worst.at)
			})
		}
	})
}

// ulpError is the largest error seen: in steps from the correctly rounded
// result, and in ulps from the exact one.
type ulpError struct {
	ulp   int64
	exact float64
	at    float32
}

// scan compares f with want at n bit patterns, step apart, from first.
func (e *ulpError) scan(f func(dst, x []float32), want func(float64) float64, first, step uint32, n int) {
	x, y := make([]float32, 1<<12), make([]float32, 1<<12)
	for n > 0 {
		m := min(n, len(x))
		for i := range m {
			x[i] = math.Float32frombits(first)
			first += step
		}
		f(y[:m], x[:m])
		for i := range m {
			e.note(x[i], y[i], want(float64(x[i])))
		}
		n -= m
	}
}

func (e *ulpError) note(x, got float32, want float64) {
	rounded := float32(want)
	if got == rounded || got != got && rounded != rounded {
		got = rounded
	}
	ulp := ordered(got) - ordered(rounded)
	if got != got || rounded != rounded {
		if got == got || rounded == rounded {
			e.ulp, e.at = math.MaxInt64, x
		}
		return
	}
	ulp = max(ulp, -ulp)
	exact := 0.0
	if !math.IsInf(float64(got), 0) && !math.IsInf(float64(rounded), 0) {
		exact = math.Abs(float64(got)-want) / unitInLastPlace(rounded)
	}
	if ulp > e.ulp || ulp == e.ulp && exact > e.exact {
		e.ulp, e.at = ulp, x
	}
	e.exact = max(e.exact, exact)
}

// ordered numbers the float32 in order.
func ordered(x float32) int64 {
	b := int64(math.Float32bits(x))
	if b >= 1<<31 {
		return 1<<31 - b
	}
	return b
}

// unitInLastPlace is the distance between float32 numbers around x.
func unitInLastPlace(x float32) float64 {
	exponent := max(int(math.Float32bits(x)>>23&0xff), 1)
	return math.Ldexp(1, exponent-127-23)
}

// TestAbsoluteError bounds the errors of the GELUs and of the slopes by
// bound*max(1, |x|), over the whole range and around 0.
func TestAbsoluteError(t *testing.T) {
	functions := []struct {
		name  string
		f     func(dst, x []float32)
		want  func(float64) float64
		bound float64
	}{
		{"GELU", GELU, gelu64, 1e-7},
		{"GELUTanh", GELUTanh, geluTanh64, 1e-7},
		{"GELUGrad", slopeAt(GELUGrad), derivative(gelu64), 2e-7},
		{"GELUTanhGrad", slopeAt(GELUTanhGrad), derivative(geluTanh64), 2e-7},
	}
	eachImplementation(t, func(t *testing.T) {
		for _, f := range functions {
			t.Run(f.name, func(t *testing.T) {
				worst := 0.0
				x, y := make([]float32, 1<<12), make([]float32, 1<<12)
				for i := range 1 << 8 {
					for j := range x {
						x[j] = (float32(i) + float32(j)/(1<<12) - 128) / 12
					}
					f.f(y, x)
					for j, v := range x {
						e := math.Abs(float64(y[j])-f.want(float64(v))) / max(1, math.Abs(float64(v)))
						if !(e <= f.bound) {
							t.Fatalf("%s(%g) = %g, not %g", f.name, v, y[j], f.want(float64(v)))
						}
						worst = max(worst, e)
					}
				}
				t.Logf("%s: at most %.3g", f.name, worst)
			})
		}
	})
}

func gelu64(x float64) float64 { return x * logistic64(1.702*x) }

func geluTanh64(x float64) float64 {
	return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

// derivative is numerical: central differences of two steps, extrapolated.
func derivative(f func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		d := func(h float64) float64 { return (f(x+h) - f(x-h)) / (2 * h) }
		return (4*d(1e-3) - d(2e-3)) / 3
	}
}

// TestGELUWholeRange bounds the GELUs' error relative to max(1, |x|) over all
// finite numbers.
func TestGELUWholeRange(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		x, y, z := make([]float32, 1<<12), make([]float32, 1<<12), make([]float32, 1<<12)
		for pattern := uint32(0); pattern < 1<<32-2053<<12; pattern += 2053 << 12 {
			for i := range x {
				x[i] = math.Float32frombits(pattern + 2053*uint32(i))
			}
			GELU(y, x)
			GELUTanh(z, x)
			for i, v := range x {
				f, bound := float64(v), 1e-7*max(1, math.Abs(float64(v)))
				if math.IsInf(f, 0) || f != f {
					continue
				}
				if !(math.Abs(float64(y[i])-gelu64(f)) <= bound) {
					t.Fatalf("GELU(%g) = %g, not %g", v, y[i], gelu64(f))
				}
				if want := geluTanh64(f); !(math.Abs(float64(z[i])-want) <= bound) {
					t.Fatalf("GELUTanh(%g) = %g, not %g", v, z[i], want)
				}
			}
		}
	})
}

func TestSpecialValues(t *testing.T) {
	inf, nan, zero := float32(math.Inf(1)), float32(math.NaN()), float32(0)
	minusZero := float32(math.Copysign(0, -1))
	denormal := float32(math.SmallestNonzeroFloat32)
	for _, c := range []struct {
		name    string
		f       func(dst, x []float32)
		x, want []float32
	}{
		{"Exp", Exp, []float32{zero, minusZero, inf, -inf, nan, 88.72283, 88.7229, -103.97, -103.98, -1e30},
			[]float32{1, 1, inf, 0, nan, float32(math.Exp(float64(float32(88.72283)))), inf, denormal, 0, 0}},
		{"Log", Log, []float32{zero, minusZero, inf, -inf, nan, -1, 1, denormal, -denormal},
			[]float32{-inf, -inf, inf, nan, nan, nan, 0, -103.27893, nan}},
		{"Sqrt", Sqrt, []float32{zero, minusZero, inf, -inf, nan, -denormal}, []float32{0, minusZero, inf, nan, nan, nan}},
		{"Tanh", Tanh, []float32{zero, minusZero, inf, -inf, nan, denormal, -denormal, 1e30},
			[]float32{0, minusZero, 1, -1, nan, denormal, -denormal, 1}},
		{"Logistic", Logistic, []float32{zero, minusZero, inf, -inf, nan, -1e30}, []float32{0.5, 0.5, 1, 0, nan, 0}},
		{"GELU", GELU, []float32{inf, -inf, nan, 3e38, -3e38}, []float32{inf, 0, nan, 3e38, 0}},
		{"GELUTanh", GELUTanh, []float32{inf, -inf, nan, 3e38, -3e38}, []float32{inf, 0, nan, 3e38, 0}},
		{"GELUGrad", slopeAt(GELUGrad), []float32{inf, -inf, nan, 3e38, -3e38}, []float32{1, 0, nan, 1, 0}},
		{"GELUTanhGrad", slopeAt(GELUTanhGrad), []float32{inf, -inf, nan, 3e38, -3e38}, []float32{1, 0, nan, 1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachImplementation(t, func(t *testing.T) {
				got := make([]float32, len(c.x))
				c.f(got, c.x)
				for i, x := range c.x {
					same := got[i] == c.want[i] && (got[i] != 0 || c.name[0] == 'G' || math.Signbit(float64(got[i])) == math.Signbit(float64(c.want[i])))
					if !same && (got[i] == got[i] || c.want[i] == c.want[i]) {
						t.Errorf("%s(%g) = %g, not %g", c.name, x, got[i], c.want[i])
					}
				}
			})
		})
	}
}

func slopeAt(grad func(dst, x, g []float32)) func(dst, x []float32) {
	return func(dst, x []float32) { grad(dst, x, slices.Repeat([]float32{1}, len(x))) }
}
