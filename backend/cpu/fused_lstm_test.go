package cpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// lstmCase is a shape and what is known and wanted of the gradients.
type lstmCase struct {
	T, B, I, H int
	absent     string // names of incoming gradients that are nil
	unwanted   string // names of gradients that nobody wants
}

func (c lstmCase) String() string {
	return fmt.Sprintf("T%d_B%d_I%d_H%d%s%s", c.T, c.B, c.I, c.H, c.absent, c.unwanted)
}

// lstmOperands are a case's operands, and with them the naive computation.
type lstmOperands struct {
	lstmCase
	x, h0, c0, wih, whh, bih, bhh, dy, dhn, dcn []float64
}

func newLSTMOperands(c lstmCase) *lstmOperands {
	o := &lstmOperands{lstmCase: c}
	seed := uint64(0)
	draw := func(n int, scale float64) []float64 {
		seed++
		s := numbers(seed, n)
		for i := range s {
			s[i] = float64(float32(s[i] * scale))
		}
		return s
	}
	w := 1 / math.Sqrt(float64(c.H+1))
	o.x, o.h0, o.c0 = draw(c.T*c.B*c.I, 1), draw(c.B*c.H, 1), draw(c.B*c.H, 1)
	o.wih, o.whh = draw(4*c.H*c.I, w), draw(4*c.H*c.H, w)
	o.bih, o.bhh = draw(4*c.H, 0.3), draw(4*c.H, 0.3)
	o.dy, o.dhn, o.dcn = draw(c.T*c.B*c.H, 1), draw(c.B*c.H, 1), draw(c.B*c.H, 1)
	for name, s := range map[string][]float64{"DY": o.dy, "DHN": o.dhn, "DCN": o.dcn} {
		if o.lacks(name) {
			clear(s)
		}
	}
	return o
}

func (c lstmCase) lacks(name string) bool { return slices.Contains(fields(c.absent), name) }

func (c lstmCase) wants(name string) bool { return !slices.Contains(fields(c.unwanted), name) }

func fields(s string) []string {
	var out []string
	for len(s) > 0 {
		n := 1
		for n < len(s) && s[n] != '-' {
			n++
		}
		out, s = append(out, s[1:n]), s[n:]
	}
	return out
}

// naiveLSTM is the state of the LSTM computed one number at a time.
type naiveLSTM struct {
	*lstmOperands
	gates, cells, y                     []float64
	dh, dc, dx, dwih, dwhh, dbias, each []float64 // each: dz of one row
}

func (o *lstmOperands) naive() []result {
	T, B, I, H := o.T, o.B, o.I, o.H
	n := &naiveLSTM{
		lstmOperands: o, gates: make([]float64, T*B*4*H), cells: make([]float64, T*B*H), y: make([]float64, T*B*H),
		dh: slices.Clone(o.dhn), dc: slices.Clone(o.dcn), dx: make([]float64, T*B*I), each: make([]float64, 4*H),
		dwih: make([]float64, 4*H*I), dwhh: make([]float64, 4*H*H), dbias: make([]float64, 4*H),
	}
	for t := range T {
		for b := range B {
			n.step(t, b)
		}
	}
	for t := T - 1; t >= 0; t-- {
		for b := range B {
			n.stepBack(t, b)
		}
	}
	hn, cn := o.h0, o.c0
	if T > 0 {
		hn, cn = n.y[(T-1)*B*H:], n.cells[(T-1)*B*H:]
	}
	out := []result{{"Y", n.y}, {"HN", hn}, {"CN", cn}, {"Gates", n.gates}, {"Cells", n.cells}}
	for _, r := range []result{{"DX", n.dx}, {"DH0", n.dh}, {"DC0", n.dc}, {"DWih", n.dwih}, {"DWhh", n.dwhh}, {"DBias", n.dbias}} {
		if o.wants(r.name) {
			out = append(out, r)
		}
	}
	return out
}

// before is element k of sample b's state before step t.
func (n *naiveLSTM) before(states, first []float64, t, b, k int) float64 {
	if t == 0 {
		return first[b*n.H+k]
	}
	return states[((t-1)*n.B+b)*n.H+k]
}

func (n *naiveLSTM) step(t, b int) {
	I, H := n.I, n.H
	row := n.gates[(t*n.B+b)*4*H:][:4*H]
	for j := range row {
		z := n.bih[j] + n.bhh[j]
		for k := range I {
			z += n.wih[j*I+k] * n.x[(t*n.B+b)*I+k]
		}
		for k := range H {
			z += n.whh[j*H+k] * n.before(n.y, n.h0, t, b, k)
		}
		row[j] = logistic1(z)
		if j/H == 2 {
			row[j] = math.Tanh(z)
		}
	}
	for k := range H {
		at := (t*n.B+b)*H + k
		n.cells[at] = row[H+k]*n.before(n.cells, n.c0, t, b, k) + row[k]*row[2*H+k]
		n.y[at] = row[3*H+k] * math.Tanh(n.cells[at])
	}
}

func (n *naiveLSTM) stepBack(t, b int) {
	I, H, dz := n.I, n.H, n.each
	a := n.gates[(t*n.B+b)*4*H:][:4*H]
	for k := range H {
		i, f, g, q := a[k], a[H+k], a[2*H+k], a[3*H+k]
		at := (t*n.B+b)*H + k
		th, d := math.Tanh(n.cells[at]), n.dh[b*H+k]+n.dy[at]
		e := n.dc[b*H+k] + d*q*(1-th*th)
		dz[k], dz[H+k] = e*g*i*(1-i), e*n.before(n.cells, n.c0, t, b, k)*f*(1-f)
		dz[2*H+k], dz[3*H+k] = e*i*(1-g*g), d*th*q*(1-q)
		n.dc[b*H+k] = e * f
	}
	for k := range H {
		n.dh[b*H+k] = 0
		for j, z := range dz {
			n.dh[b*H+k] += z * n.whh[j*H+k]
			n.dwhh[j*H+k] += z * n.before(n.y, n.h0, t, b, k)
		}
	}
	for j, z := range dz {
		n.dbias[j] += z
		for k := range I {
			n.dx[(t*n.B+b)*I+k] += z * n.wih[j*I+k]
			n.dwih[j*I+k] += z * n.x[(t*n.B+b)*I+k]
		}
	}
}

// lstmCall places the operands.
func lstmCall[T float](b *Backend, o *lstmOperands) *backend.LSTMCall {
	S, B, I, H := o.T, o.B, o.I, o.H
	return &backend.LSTMCall{
		X: tensorOf[T](b, o.x, S, B, I), H0: tensorOf[T](b, o.h0, B, H), C0: tensorOf[T](b, o.c0, B, H),
		Wih: tensorOf[T](b, o.wih, 4*H, I), Whh: tensorOf[T](b, o.whh, 4*H, H),
		Bih: tensorOf[T](b, o.bih, 4*H), Bhh: tensorOf[T](b, o.bhh, 4*H),
		Y: blank[T](b, S, B, H), HN: blank[T](b, B, H), CN: blank[T](b, B, H),
		Gates: blank[T](b, S, B, 4*H), Cells: blank[T](b, S, B, H),
	}
}

func runLSTM[T float](b *Backend, o *lstmOperands) []result {
	S, B, I, H := o.T, o.B, o.I, o.H
	c := lstmCall[T](b, o)
	b.LSTM(c)
	out := read(b, []string{"Y", "HN", "CN", "Gates", "Cells"}, c.Y, c.HN, c.CN, c.Gates, c.Cells)
	given := func(name string, data []float64, shape ...int) *tensor.Tensor {
		if o.lacks(name) {
			return nil
		}
		return tensorOf[T](b, data, shape...)
	}
	asked := func(name string, shape ...int) *tensor.Tensor {
		if !o.wants(name) {
			return nil
		}
		return blank[T](b, shape...)
	}
	g := &backend.LSTMGrads{
		DY: given("DY", o.dy, S, B, H), DHN: given("DHN", o.dhn, B, H), DCN: given("DCN", o.dcn, B, H),
		DX: asked("DX", S, B, I), DH0: asked("DH0", B, H), DC0: asked("DC0", B, H),
		DWih: asked("DWih", 4*H, I), DWhh: asked("DWhh", 4*H, H), DBias: asked("DBias", 4*H),
	}
	b.LSTMGrad(c, g)
	return append(out, read(b, []string{"DX", "DH0", "DC0", "DWih", "DWhh", "DBias"}, g.DX, g.DH0, g.DC0, g.DWih, g.DWhh, g.DBias)...)
}

func TestLSTM(t *testing.T) {
	for _, c := range []lstmCase{
		{T: 1, B: 1, I: 1, H: 1},
		{T: 1, B: 1, I: 24, H: 40},
		{T: 1, B: 16, I: 24, H: 40},
		{T: 3, B: 2, I: 5, H: 7},
		{T: 9, B: 1, I: 8, H: 16},
		{T: 4, B: 3, I: 17, H: 33},
		{T: 5, B: 16, I: 32, H: 64},
		{T: 7, B: 20, I: 13, H: 65},
		{T: 6, B: 33, I: 64, H: 96},
		{T: 5, B: 64, I: 16, H: 50},
		{T: 2, B: 64, I: 16, H: 50},
		{T: 3, B: 40, I: 9, H: 130},
		{T: 4, B: 70, I: 9, H: 130},
		{T: 5, B: 4, I: 200, H: 160},
		{T: 0, B: 2, I: 3, H: 4},
		{T: 3, B: 0, I: 3, H: 4},
		{T: 4, B: 3, I: 5, H: 6, absent: "-DY"},
		{T: 4, B: 3, I: 5, H: 6, absent: "-DHN-DCN"},
		{T: 4, B: 3, I: 5, H: 6, unwanted: "-DX-DH0-DC0"},
		{T: 4, B: 3, I: 5, H: 6, unwanted: "-DWih-DWhh-DBias"},
		{T: 1, B: 2, I: 5, H: 6, absent: "-DY-DCN", unwanted: "-DH0-DWhh"},
	} {
		t.Run(c.String(), func(t *testing.T) {
			o := newLSTMOperands(c)
			checkKernel(t, o.naive,
				func(b *Backend) []result { return runLSTM[float32](b, o) },
				func(b *Backend) []result { return runLSTM[float64](b, o) })
		})
	}
}
