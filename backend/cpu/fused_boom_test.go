package cpu

import (
	"fmt"
	"testing"

	"github.com/tiller-ml/tiller/tensor"
)

type boomCase struct {
	N, H, F int
	p       float64
}

// naive is Boom and the gradient of u, one number at a time.
func (c boomCase) naive(t *testing.T, s site) []result {
	x, w, bias, dy := numbers(1, c.N*c.H), c.weights(), numbers(3, c.F), numbers(4, c.N*c.H)
	m := s.multipliers(t, c.N*c.F)
	u, y, du := make([]float64, c.N*c.F), make([]float64, c.N*c.H), make([]float64, c.N*c.F)
	for i := range u {
		row, f := i/c.F, i%c.F
		u[i] = bias[f]
		for h := range c.H {
			u[i] += x[row*c.H+h] * w[f*c.H+h]
		}
		if f >= c.F/c.H*c.H {
			continue
		}
		z := logistic1(1.702 * u[i])
		y[row*c.H+f%c.H] += u[i] * z * m[i]
		du[i] = (z + 1.702*u[i]*z*(1-z)) * m[i] * dy[row*c.H+f%c.H]
	}
	return []result{{"Y", y}, {"U", u}, {"DU", du}, {"DU in place", du}}
}

func (c boomCase) weights() []float64 {
	w := numbers(2, c.F*c.H)
	for i := range w {
		w[i] = float64(float32(w[i] / 4))
	}
	return w
}

func runBoom[T float](b *Backend, c boomCase, s site) []result {
	x, w, bias := tensorOf[T](b, numbers(1, c.N*c.H), c.N, c.H), tensorOf[T](b, c.weights(), c.F, c.H), tensorOf[T](b, numbers(3, c.F), c.F)
	y, u, du := blank[T](b, c.N, c.H), blank[T](b, c.N, c.F), blank[T](b, c.N, c.F)
	d := s.dropoutOf(b, x.DType, c.N*c.F)
	b.Boom(y, u, x, w, bias, d)
	out := read(b, []string{"Y", "U"}, y, u)
	dy := tensorOf[T](b, numbers(4, c.N*c.H), c.N, c.H)
	b.BoomGrad(du, u, dy, d)
	b.BoomGrad(u, u, dy, d)
	return append(out, read(b, []string{"DU", "DU in place"}, du, u)...)
}

func TestBoom(t *testing.T) {
	for _, c := range []boomCase{
		{1, 1, 1, 0}, {1, 8, 32, 0}, {3, 5, 23, 0}, {2, 7, 5, 0}, {64, 16, 64, 0}, {65, 9, 40, 0},
		{200, 33, 140, 0}, {0, 4, 8, 0}, {3, 5, 23, 0.3}, {200, 33, 140, 0.5}, {70, 16, 64, 0.1},
	} {
		for _, byMask := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d_%d_%d_%v_%v", c.N, c.H, c.F, c.p, byMask), func(t *testing.T) {
				s := site{p: c.p, byMask: byMask, key: tensor.Key{Seed: 3, Step: 4, Site: 5}}
				checkKernel(t, func() []result { return c.naive(t, s) },
					func(b *Backend) []result { return runBoom[float32](b, c, s) },
					func(b *Backend) []result { return runBoom[float64](b, c, s) })
				b := open(t, 2)
				s.byMask = false
				byKey := runBoom[float32](b, c, s)
				s.byMask = true
				requireSame(t, byKey, runBoom[float32](b, c, s), "by mask")
			})
		}
	}
}
