package vec

// A routine is an exported one in a form that tests can enumerate.
//
// roles has a letter for each slice: r read, w written, u both, g read and
// written with four times the length. Numbers returned are appended to dst.
type routine struct {
	name      string
	roles     string
	call      func(b [][]float32, dst []float64) []float64
	aliases   [][2]int // pairs of slices that may be the same
	reduction bool     // an element's result depends on the others
}

var routines = []routine{
	function("Exp", Exp), function("Log", Log), function("Sqrt", Sqrt), function("Tanh", Tanh),
	function("Logistic", Logistic), function("GELU", GELU), function("GELUTanh", GELUTanh),

	binary("TanhGrad", TanhGrad), binary("LogisticGrad", LogisticGrad),
	binary("GELUGrad", GELUGrad), binary("GELUTanhGrad", GELUTanhGrad),
	binary("Add", Add), binary("Sub", Sub), binary("Mul", Mul), binary("Div", Div), binary("Max2", Max2),

	{name: "MulAdd", roles: "urr", aliases: [][2]int{{0, 1}, {0, 2}, {1, 2}},
		call: func(b [][]float32, dst []float64) []float64 { MulAdd(b[0], b[1], b[2]); return dst }},
	{name: "Affine", roles: "wr", aliases: [][2]int{{0, 1}},
		call: func(b [][]float32, dst []float64) []float64 { Affine(b[0], b[1], 1.5, -0.25); return dst }},
	{name: "Axpy", roles: "ur", aliases: [][2]int{{0, 1}},
		call: func(b [][]float32, dst []float64) []float64 { Axpy(b[0], -1.25, b[1]); return dst }},

	reduction("Sum", func(x []float32) float64 { return float64(Sum(x)) }),
	reduction("SumFloat64", SumFloat64),
	reduction("SumSquares", SumSquares),
	reduction("Max", func(x []float32) float64 { return float64(Max(x)) }),
	reduction("SumDeviations", func(x []float32) float64 { return active.sumDeviations(x, 0.375) }),
	{name: "Dot", roles: "rr", reduction: true, aliases: [][2]int{{0, 1}},
		call: func(b [][]float32, dst []float64) []float64 { return append(dst, float64(Dot(b[0], b[1]))) }},
	{name: "Moments", roles: "r", reduction: true,
		call: func(b [][]float32, dst []float64) []float64 {
			mean, variance := Moments(b[0])
			return append(dst, float64(mean), float64(variance))
		}},
	{name: "ExpSum", roles: "wr", reduction: true, aliases: [][2]int{{0, 1}},
		call: func(b [][]float32, dst []float64) []float64 {
			return append(dst, float64(ExpSum(b[0], b[1], 0.5)))
		}},

	{name: "LayerNorm", roles: "wrrr", aliases: [][2]int{{0, 1}, {0, 2}, {0, 3}},
		call: func(b [][]float32, dst []float64) []float64 {
			LayerNorm(b[0], b[1], b[2], b[3], 0.25, 1.5)
			return dst
		}},
	{name: "LayerNormGrad", roles: "wuurrr", reduction: true, aliases: [][2]int{{0, 3}, {0, 5}},
		call: func(b [][]float32, dst []float64) []float64 {
			LayerNormGrad(b[0], b[1], b[2], b[3], b[4], b[5], 0.25, 1.5)
			return dst
		}},
	{name: "LSTMGates", roles: "grww", aliases: [][2]int{{1, 2}},
		call: func(b [][]float32, dst []float64) []float64 {
			LSTMGates(b[0], b[1], b[2], b[3])
			return dst
		}},
	{name: "LSTMGatesGrad", roles: "grrru",
		call: func(b [][]float32, dst []float64) []float64 {
			LSTMGatesGrad(b[0], b[1], b[2], b[3], b[4])
			return dst
		}},
	{name: "AdamDirection", roles: "wuurr", aliases: [][2]int{{0, 4}, {0, 3}},
		call: func(b [][]float32, dst []float64) []float64 {
			AdamDirection(b[0], b[1], b[2], b[3], b[4], 0.9, 0.999, 1e-6, 0.01, 0.1, 0.001)
			return dst
		}},
	{name: "DropoutMask", roles: "w", reduction: true,
		call: func(b [][]float32, dst []float64) []float64 {
			DropoutMask(b[0], 1, 2, [4]uint32{3, 4, 5, 6}, 0.75)
			return dst
		}},
}

func function(name string, f func(dst, x []float32)) routine {
	return routine{name: name, roles: "wr", aliases: [][2]int{{0, 1}},
		call: func(b [][]float32, dst []float64) []float64 { f(b[0], b[1]); return dst }}
}

func binary(name string, f func(dst, x, y []float32)) routine {
	return routine{name: name, roles: "wrr", aliases: [][2]int{{0, 1}, {0, 2}, {1, 2}},
		call: func(b [][]float32, dst []float64) []float64 { f(b[0], b[1], b[2]); return dst }}
}

func reduction(name string, f func(x []float32) float64) routine {
	return routine{name: name, roles: "r", reduction: true,
		call: func(b [][]float32, dst []float64) []float64 { return append(dst, f(b[0])) }}
}

// length is that of slice i of the routine for vectors of n elements.
func (r routine) length(i, n int) int {
	if r.roles[i] == 'g' {
		return 4 * n
	}
	return n
}
