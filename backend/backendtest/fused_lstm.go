package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// lstmOracle is a sequence in plain loops.
type lstmOracle struct {
	steps, batch, in, hidden              int
	x, h0, c0, wih, whh, bih, bhh         array
	y, hn, cn, cells, gates, dy, dhn, dcn array
}

func newLSTMOracle(d tensor.DType, steps, batch, in, hidden int) *lstmOracle {
	narrow := func(a array) array {
		return a.mapped(func(v float64) float64 { return v / math.Sqrt(float64(hidden)) }).rounded(d)
	}
	return &lstmOracle{
		steps: steps, batch: batch, in: in, hidden: hidden,
		x:  normals(60, steps, batch, in).rounded(d),
		h0: normals(61, batch, hidden).rounded(d), c0: normals(62, batch, hidden).rounded(d),
		wih: narrow(normals(63, 4*hidden, in)), whh: narrow(normals(64, 4*hidden, hidden)),
		bih: normals(65, 4*hidden).rounded(d), bhh: normals(66, 4*hidden).rounded(d),
		dy:  normals(67, steps, batch, hidden).rounded(d),
		dhn: normals(68, batch, hidden).rounded(d), dcn: normals(69, batch, hidden).rounded(d),
	}
}

func (o *lstmOracle) run() {
	n := o.hidden
	o.y, o.cells = newArray(o.steps, o.batch, n), newArray(o.steps, o.batch, n)
	o.gates = newArray(o.steps, o.batch, 4*n)
	o.hn, o.cn = newArray(o.batch, n), newArray(o.batch, n)
	copy(o.hn.data, o.h0.data)
	copy(o.cn.data, o.c0.data)
	for t := range o.steps {
		for b := range o.batch {
			at := t*o.batch + b
			h, c := o.hn.data[b*n:(b+1)*n], o.cn.data[b*n:(b+1)*n]
			z := o.gates.data[at*4*n : (at+1)*4*n]
			for j := range z {
				z[j] = o.bih.data[j] + o.bhh.data[j] + dotRow(o.wih, j, o.x.data[at*o.in:]) + dotRow(o.whh, j, h)
			}
			for j := range n {
				i, f, g, u := logistic(z[j]), logistic(z[n+j]), math.Tanh(z[2*n+j]), logistic(z[3*n+j])
				c[j] = f*c[j] + i*g
				h[j] = u * math.Tanh(c[j])
				z[j], z[n+j], z[2*n+j], z[3*n+j] = i, f, g, u
			}
			copy(o.y.data[at*n:], h)
			copy(o.cells.data[at*n:], c)
		}
	}
}

// dotRow is row j of w times x.
func dotRow(w array, j int, x []float64) float64 {
	var sum float64
	width := w.shape[1]
	for k, v := range w.data[j*width : (j+1)*width] {
		sum += v * x[k]
	}
	return sum
}

// lstm tests results within 1e-5 (float32) and all gradients against
// differences, also where only some results have one and some are wanted.
func (s *suite) lstm(t *testing.T) {
	b := ability[backend.LSTMer](s, t)
	for _, d := range floats {
		for _, m := range [][4]int{{1, 1, 1, 1}, {3, 2, 3, 2}, {4, 1, 5, 3}, {2, 5, 4, 8}, {6, 16, 24, 33}, {4, 33, 40, 64}, {3, 3, 130, 128}} {
			for _, wd := range weightTypes(d) {
				t.Run(fmt.Sprint(d, wd, m), func(t *testing.T) { s.lstmCase(t, b, d, wd, m) })
			}
		}
	}
}

func (s *suite) lstmCase(t *testing.T, b backend.LSTMer, d, wd tensor.DType, m [4]int) {
	o := newLSTMOracle(d, m[0], m[1], m[2], m[3])
	o.wih, o.whh = o.wih.kept(wd), o.whh.kept(wd)
	o.run()
	steps, batch, in, n := m[0], m[1], m[2], m[3]
	c := &backend.LSTMCall{
		X: s.put(t, dense, d, o.x), H0: s.put(t, dense, d, o.h0), C0: s.put(t, dense, d, o.c0),
		Wih: s.weights(t, d, wd, o.wih), Whh: s.weights(t, d, wd, o.whh), Bih: s.put(t, dense, d, o.bih), Bhh: s.put(t, dense, d, o.bhh),
		Y: s.out(d, steps, batch, n).view, HN: s.out(d, batch, n).view, CN: s.out(d, batch, n).view,
		Gates: s.out(d, steps, batch, 4*n).view, Cells: s.out(d, steps, batch, n).view,
	}
	dy, dhn, dcn := s.put(t, dense, d, o.dy), s.put(t, dense, d, o.dhn), s.put(t, dense, d, o.dcn)
	for _, from := range []struct {
		name         string
		dy, dhn, dcn *tensor.Tensor
	}{{"all", dy, dhn, dcn}, {"y", dy, nil, nil}, {"hn", nil, dhn, nil}, {"cn", nil, nil, dcn}} {
		for _, wanted := range []int{0x7f &^ 0x40, 1, 2 | 4, 8, 16 | 32} {
			if wd != d {
				wanted &= 1 | 2 | 4 // stored weights have no gradient
			}
			b.LSTM(c)
			s.lstmForward(t, d, o, c)
			g := &backend.LSTMGrads{DY: from.dy, DHN: from.dhn, DCN: from.dcn}
			s.lstmWanted(d, g, wanted, [][]int{{steps, batch, in}, {batch, n}, {batch, n}, {4 * n, in}, {4 * n, n}, {4 * n}})
			b.LSTMGrad(c, g)
			loss := func() float64 {
				o.run()
				var sum float64
				if from.dy != nil {
					sum += dot(o.y, o.dy)
				}
				if from.dhn != nil {
					sum += dot(o.hn, o.dhn)
				}
				if from.dcn != nil {
					sum += dot(o.cn, o.dcn)
				}
				return sum
			}
			s.lstmSlopes(t, d, o, g, loss)
			s.free(g.DX, g.DH0, g.DC0, g.DWih, g.DWhh, g.DBias)
			if len(o.whh.data) > 1000 {
				break // of the larger sizes, one choice of wanted gradients
			}
		}
	}
	s.free(c.X, c.H0, c.C0, c.Wih, c.Whh, c.Bih, c.Bhh, c.Y, c.HN, c.CN, c.Gates, c.Cells, dy, dhn, dcn)
}

func (s *suite) lstmForward(t *testing.T, d tensor.DType, o *lstmOracle, c *backend.LSTMCall) {
	t.Helper()
	o.run()
	tol := tolerance{1e-5, 1e-12}.of(d)
	same(t, o.y, s.get(t, c.Y), tol)
	same(t, o.hn, s.get(t, c.HN), tol)
	same(t, o.cn, s.get(t, c.CN), tol)
	same(t, o.cells, s.get(t, c.Cells), tol)
	same(t, o.gates, s.get(t, c.Gates), tol)
}

// lstmWanted allocates the gradients whose bit is set.
func (s *suite) lstmWanted(d tensor.DType, g *backend.LSTMGrads, bits int, shapes [][]int) {
	for i, p := range []**tensor.Tensor{&g.DX, &g.DH0, &g.DC0, &g.DWih, &g.DWhh, &g.DBias} {
		if bits>>i&1 == 1 {
			*p = s.out(d, shapes[i]...).view
		}
	}
}

func (s *suite) lstmSlopes(t *testing.T, d tensor.DType, o *lstmOracle, g *backend.LSTMGrads, loss func() float64) {
	t.Helper()
	for _, of := range []struct {
		name string
		got  *tensor.Tensor
		at   array
	}{{"x", g.DX, o.x}, {"h0", g.DH0, o.h0}, {"c0", g.DC0, o.c0}, {"wih", g.DWih, o.wih}, {"whh", g.DWhh, o.whh}, {"b", g.DBias, o.bih}} {
		if of.got != nil {
			checkSlopes(t, of.name, d, s.get(t, of.got), of.at, loss)
		}
	}
}
