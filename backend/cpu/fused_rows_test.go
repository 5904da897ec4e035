package cpu

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// rowShapes are numbers and widths of rows.
var rowShapes = [][2]int{{1, 1}, {3, 1}, {1, 7}, {5, 16}, {7, 33}, {65, 96}, {200, 205}, {130, 1000}, {0, 5}, {4, 0}}

func eachRowShape(t *testing.T, f func(t *testing.T, n, width int)) {
	for _, s := range rowShapes {
		t.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(t *testing.T) { f(t, s[0], s[1]) })
	}
}

func TestSoftmax(t *testing.T) {
	eachRowShape(t, func(t *testing.T, n, width int) {
		for _, log := range []bool{false, true} {
			x, dy := numbers(1, n*width), numbers(2, n*width)
			want := func() []result {
				y, dx := make([]float64, n*width), make([]float64, n*width)
				for r := range n {
					sum, dot, total := 0.0, 0.0, 0.0
					for i := r * width; i < (r+1)*width; i++ {
						sum += math.Exp(x[i])
					}
					for i := r * width; i < (r+1)*width; i++ {
						y[i] = math.Exp(x[i]) / sum
						dot += y[i] * dy[i]
						total += dy[i]
					}
					for i := r * width; i < (r+1)*width; i++ {
						dx[i] = y[i] * (dy[i] - dot)
						if log {
							dx[i] = dy[i] - y[i]*total
							y[i] = math.Log(y[i])
						}
					}
				}
				return []result{{"Y", y}, {"DX", dx}}
			}
			checkKernel(t, want,
				func(b *Backend) []result { return runSoftmax[float32](b, x, dy, n, width, log) },
				func(b *Backend) []result { return runSoftmax[float64](b, x, dy, n, width, log) })
		}
	})
}

// runSoftmax overwrites operands where it may.
func runSoftmax[T float](b *Backend, x, dy []float64, n, width int, log bool) []result {
	y, g := tensorOf[T](b, x, n, width), tensorOf[T](b, dy, n, width)
	b.Softmax(y, y, log)
	b.SoftmaxGrad(g, y, g, log)
	out := read(b, []string{"Y", "DX"}, y, g)
	b.Copy(g, tensorOf[T](b, dy, n, width))
	b.SoftmaxGrad(y, y, g, log)
	return append(out[:1], result{"DX", numbersOf(b, y)})
}

func TestSoftmaxLargeLogits(t *testing.T) {
	b := open(t, 1)
	x := tensorOf[float32](b, []float64{1e4, 1e4 - 1, -1e30, math.Inf(-1)}, 1, 4)
	y := blank[float32](b, 1, 4)
	b.Softmax(y, x, false)
	e := 1 / (1 + math.Exp(-1))
	compare(t, []result{{"Y", []float64{e, 1 - e, 0, 0}}}, read(b, []string{"Y"}, y), 1e-6)
}

func TestCrossEntropy(t *testing.T) {
	eachRowShape(t, func(t *testing.T, n, width int) {
		if width == 0 {
			return
		}
		x, dloss := numbers(1, n*width), numbers(2, n)
		target := make([]int32, n)
		for i := range target {
			target[i] = int32(i * 7 % width)
		}
		want := func() []result {
			loss, lse, dx := make([]float64, n), make([]float64, n), make([]float64, n*width)
			for r := range n {
				row := x[r*width:][:width]
				for _, v := range row {
					lse[r] += math.Exp(v)
				}
				lse[r] = math.Log(lse[r])
				loss[r] = lse[r] - row[target[r]]
				for i, v := range row {
					dx[r*width+i] = math.Exp(v-lse[r]) * dloss[r]
				}
				dx[r*width+int(target[r])] -= dloss[r]
			}
			return []result{{"Loss", loss}, {"LSE", lse}, {"DX", dx}}
		}
		checkKernel(t, want,
			func(b *Backend) []result { return runCrossEntropy[float32](b, x, dloss, target, width) },
			func(b *Backend) []result { return runCrossEntropy[float64](b, x, dloss, target, width) })
	})
}

// runCrossEntropy writes the gradient over the logits.
func runCrossEntropy[T float](b *Backend, x, dloss []float64, target []int32, width int) []result {
	n := len(target)
	logits, targets := tensorOf[T](b, x, n, width), backend.FromSlice(b, target, n)
	loss, lse := blank[T](b, n), blank[T](b, n)
	b.CrossEntropy(loss, lse, logits, targets)
	b.CrossEntropyGrad(logits, logits, lse, targets, tensorOf[T](b, dloss, n))
	return read(b, []string{"Loss", "LSE", "DX"}, loss, lse, logits)
}

func TestCrossEntropyTargets(t *testing.T) {
	b := open(t, 2)
	for _, bad := range []int32{-1, 5} {
		logits, loss := tensorOf[float32](b, numbers(1, 15), 3, 5), blank[float32](b, 3)
		targets := backend.FromSlice(b, []int32{0, bad, 4}, 3)
		var err error
		func() {
			defer tensor.Catch(&err)
			b.CrossEntropy(loss, loss, logits, targets)
		}()
		require.ErrorContains(t, err, fmt.Sprintf("CrossEntropy [3 5], [3]: target %d of row 1", bad))
	}
}

func TestLayerNorm(t *testing.T) {
	const eps = 1e-5
	eachRowShape(t, func(t *testing.T, n, width int) {
		x, dy, w, bias := numbers(1, n*width), numbers(2, n*width), numbers(3, width), numbers(4, width)
		if width == 1 {
			clear(x) // the deviation is zero: only rounding would be left
		}
		want := func() []result {
			y, dx := make([]float64, n*width), make([]float64, n*width)
			mean, rstd := make([]float64, n), make([]float64, n)
			dw, db := make([]float64, width), make([]float64, width)
			for r := range n {
				row, size := x[r*width:][:width], float64(width)
				for _, v := range row {
					mean[r] += v / size
				}
				for _, v := range row {
					rstd[r] += (v - mean[r]) * (v - mean[r]) / size
				}
				rstd[r] = 1 / math.Sqrt(rstd[r]+eps)
				s1, s2 := 0.0, 0.0
				for i, v := range row {
					at, hat := r*width+i, (v-mean[r])*rstd[r]
					y[at] = hat*w[i] + bias[i]
					dw[i] += dy[at] * hat
					db[i] += dy[at]
					s1 += dy[at] * w[i] / size
					s2 += dy[at] * w[i] * hat / size
				}
				for i, v := range row {
					at, hat := r*width+i, (v-mean[r])*rstd[r]
					dx[at] = rstd[r] * (dy[at]*w[i] - s1 - hat*s2)
				}
			}
			if width == 0 {
				mean, rstd = nil, nil
			}
			return []result{{"Y", y}, {"Mean", mean}, {"Rstd", rstd}, {"DX", dx}, {"DW", dw}, {"DB", db}}
		}
		checkKernel(t, want,
			func(b *Backend) []result { return runLayerNorm[float32](b, x, dy, w, bias, n, eps) },
			func(b *Backend) []result { return runLayerNorm[float64](b, x, dy, w, bias, n, eps) })
	})
}

// runLayerNorm also asks for each gradient alone, which must be the same bits.
func runLayerNorm[T float](b *Backend, x, dy, w, bias []float64, n int, eps float64) []result {
	width := len(w)
	xs, ws, dys := tensorOf[T](b, x, n, width), tensorOf[T](b, w, width), tensorOf[T](b, dy, n, width)
	y, mean, rstd := blank[T](b, n, width), blank[T](b, n), blank[T](b, n)
	b.LayerNorm(y, mean, rstd, xs, ws, tensorOf[T](b, bias, width), eps)
	dx, dw, db := blank[T](b, n, width), blank[T](b, width), blank[T](b, width)
	b.LayerNormGrad(dx, dw, db, xs, ws, mean, rstd, dys)
	names := []string{"Y", "Mean", "Rstd", "DX", "DW", "DB"}
	if width == 0 {
		mean, rstd = blank[T](b, 0), blank[T](b, 0)
	}
	out := read(b, names, y, mean, rstd, dx, dw, db)
	if width == 0 {
		return out
	}
	for i := range 3 {
		only := [3]*tensor.Tensor{}
		only[i] = blank[T](b, out[3+i].len()...)
		if i == 0 {
			only[i] = blank[T](b, n, width)
		}
		b.LayerNormGrad(only[0], only[1], only[2], xs, ws, mean, rstd, dys)
		if alone := numbersOf(b, only[i]); !same(alone, out[3+i].data) {
			out[3+i].name += " alone differs"
		}
	}
	return out
}

func (r result) len() []int { return []int{len(r.data)} }

func same(x, y []float64) bool {
	for i, v := range x {
		if v != y[i] {
			return false
		}
	}
	return len(x) == len(y)
}

func TestDropout(t *testing.T) {
	key := tensor.Key{Seed: 77, Step: 2, Site: 3}
	for _, n := range []int{0, 1, 3, 4, 2047, 2049, 10001} {
		for _, p := range []float64{0, 0.1, 0.5, 0.95} {
			t.Run(fmt.Sprintf("%d_%v", n, p), func(t *testing.T) {
				x := numbers(1, n)
				b := open(t, 2)
				byKey, masked := site{p: p, key: key}, site{p: p, byMask: true, key: key}
				requireSame(t, runDropout[float32](b, x, byKey), runDropout[float32](b, x, masked), "by mask")
				for _, s := range []site{byKey, masked} {
					want := func() []result {
						y := s.multipliers(t, n)
						for i := range y {
							y[i] *= x[i]
						}
						return []result{{"Y", y}}
					}
					checkKernel(t, want,
						func(b *Backend) []result { return runDropout[float32](b, x, s) },
						func(b *Backend) []result { return runDropout[float64](b, x, s) })
				}
			})
		}
	}
}

func runDropout[T float](b *Backend, x []float64, s site) []result {
	xs, y := tensorOf[T](b, x, len(x)), blank[T](b, len(x))
	b.Dropout(y, xs, s.dropoutOf(b, xs.DType, len(x)))
	return read(b, []string{"Y"}, y)
}

// By key and by mask are the same bits, from any place in the stream.
func TestMultiplierDraw(t *testing.T) {
	b := open(t, 1)
	s := site{p: 0.3, key: tensor.Key{Seed: 5, Step: 6, Site: 7}}
	const n = 100
	whole := make([]float32, n)
	m := newMultiplier[float32](s.dropoutOf(b, tensor.Float32, n))
	m.draw(whole, 0)
	s.byMask = true
	byMask := newMultiplier[float32](s.dropoutOf(b, tensor.Float32, n))
	for lo := range 12 {
		for size := range 20 {
			part, masked := make([]float32, size), make([]float32, size)
			m.draw(part, lo)
			byMask.draw(masked, lo)
			require.Equal(t, whole[lo:lo+size], part)
			require.Equal(t, part, masked)
		}
	}
}

func TestAdamDirection(t *testing.T) {
	for _, n := range []int{0, 1, 17, 5000, 20001} {
		for _, a := range []backend.Adam{
			{Beta1: 0.9, Beta2: 0.999, Eps: 1e-3, WeightDecay: 0.1, C1: 1, C2: 1},
			{Beta1: 0.8, Beta2: 0.99, Eps: 1e-4, C1: 0.2, C2: 0.01},
		} {
			t.Run(fmt.Sprintf("%d_%v", n, a.C1), func(t *testing.T) {
				m, v, p, g := numbers(1, n), numbers(2, n), numbers(3, n), numbers(4, n)
				for i := range v {
					v[i] *= v[i]
					v[i] = float64(float32(v[i]))
				}
				want := func() []result {
					u, m2, v2 := make([]float64, n), make([]float64, n), make([]float64, n)
					for i := range u {
						m2[i] = a.Beta1*m[i] + (1-a.Beta1)*g[i]
						v2[i] = a.Beta2*v[i] + (1-a.Beta2)*g[i]*g[i]
						u[i] = m2[i]/a.C1/(math.Sqrt(v2[i]/a.C2)+a.Eps) + a.WeightDecay*p[i]
					}
					return []result{{"U", u}, {"M", m2}, {"V", v2}}
				}
				checkKernel(t, want,
					func(b *Backend) []result { return runAdam[float32](b, m, v, p, g, a) },
					func(b *Backend) []result { return runAdam[float64](b, m, v, p, g, a) })
			})
		}
	}
}

// runAdam writes the direction over the gradient.
func runAdam[T float](b *Backend, m, v, p, g []float64, a backend.Adam) []result {
	n := len(m)
	ms, vs, gs := tensorOf[T](b, m, n), tensorOf[T](b, v, n), tensorOf[T](b, g, n)
	b.AdamDirection(gs, ms, vs, tensorOf[T](b, p, n), gs, a)
	return read(b, []string{"U", "M", "V"}, gs, ms, vs)
}

func TestFusedDTypes(t *testing.T) {
	b := open(t, 1)
	x := backend.New(b, tensor.BFloat16, 2, 3)
	var err error
	func() {
		defer tensor.Catch(&err)
		b.Softmax(x, x, false)
	}()
	require.EqualError(t, err, "Softmax [2 3]: no kernel for bfloat16")
}
