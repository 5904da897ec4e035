package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// LSTM runs one layer over a sequence. x is (T, B, I), h0 and c0 (B, H), wih
// (4H, I), whh (4H, H), bih and bhh (4H), the gates in the order i, f, g, o. It
// returns y (T, B, H) and the last state hn, cn (B, H). The formulas stand at
// [backend.LSTMCall]; they are torch.nn.LSTM's. Beside float32, wih and whh may
// be bfloat16 or Int8.
func LSTM(x, h0, c0, wih, whh, bih, bhh *Var) (y, hn, cn *Var) {
	out := Apply(lstmOp, nil, x, h0, c0, wih, whh, bih, bhh)
	return out[0], out[1], out[2]
}

var lstmOp = &Op{
	Name: "lstm",
	Infer: func(_ any, in []Meta) []Meta {
		storedDType("lstm", in, 3, 4)
		x, h := in[0].Shape, in[1].Shape
		if len(x) != 3 || len(h) != 2 || x[0] < 1 || !fits(in[1:], h[1], x[2], x[1]) {
			fail("lstm", in, "want x (T, B, I), states (B, H), weights (4H, I), (4H, H), biases (4H)")
		}
		state := Meta{in[0].DType, []int{x[1], h[1]}}
		return []Meta{{in[0].DType, []int{x[0], x[1], h[1]}}, state, state}
	},
	Fwd: func(c *Call) {
		call := lstmCall(c)
		t, b, h := call.Y.Shape[0], call.Y.Shape[1], call.Y.Shape[2]
		call.Gates = c.Save(c.inner(call.Y.DType), t, b, 4*h)
		call.Cells = c.Save(call.Y.DType, t, b, h)
		c.Backend.(backend.LSTMer).LSTM(call)
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		call := lstmCall(c)
		call.Gates, call.Cells = c.Saved[0], c.Saved[1]
		out := make([]*tensor.Tensor, 7)
		for i, x := range c.In {
			if c.Needs[i] {
				out[i] = c.New(x.DType, x.Shape...)
			}
		}
		db := out[5]
		if db == nil {
			db = out[6]
		}
		c.Backend.(backend.LSTMer).LSTMGrad(call, &backend.LSTMGrads{
			DY: c.Contiguous(grads[0]), DHN: c.Contiguous(grads[1]), DCN: c.Contiguous(grads[2]),
			DX: out[0], DH0: out[1], DC0: out[2], DWih: out[3], DWhh: out[4], DBias: db,
		})
		if c.Needs[6] {
			out[6] = db // both biases enter the same sum
		}
		return out
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.LSTMer); return ok },
	Ref:   func(_ any, in []*Var) []*Var { return lstmRef(in) },
	Cases: lstmCases,
}

// fits holds the states, weights and biases against the sizes H, I and B.
func fits(in []Meta, h, i, b int) bool {
	want := [][]int{{b, h}, {b, h}, {4 * h, i}, {4 * h, h}, {4 * h}, {4 * h}}
	for k, m := range in {
		if !slices.Equal(m.Shape, want[k]) {
			return false
		}
	}
	return true
}

func lstmCall(c *Call) *backend.LSTMCall {
	in := make([]*tensor.Tensor, len(c.In))
	for i, x := range c.In {
		in[i] = c.Contiguous(x)
	}
	return &backend.LSTMCall{
		X: in[0], H0: in[1], C0: in[2], Wih: in[3], Whh: in[4], Bih: in[5], Bhh: in[6],
		Y: c.Out[0], HN: c.Out[1], CN: c.Out[2],
	}
}

func lstmRef(in []*Var) []*Var {
	x, h, cell := in[0], in[1], in[2]
	hidden := h.Value.Dim(1)
	var ys []*Var
	for t := range x.Value.Dim(0) {
		xt := Reshape(Slice(x, 0, t, t+1), x.Shape()[1:]...)
		z := Add(Linear(xt, in[3], in[5]), Linear(h, in[4], in[6]))
		gate := func(k int) *Var { return Slice(z, 1, k*hidden, (k+1)*hidden) }
		keep := Mul(Logistic(gate(1)), cell)
		cell = Add(keep, Mul(Logistic(gate(0)), Tanh(gate(2))))
		h = Mul(Logistic(gate(3)), Tanh(cell))
		ys = append(ys, Reshape(h, append([]int{1}, h.Shape()...)...))
	}
	return []*Var{Concat(0, ys...), h, cell}
}

func lstmCases() []Case {
	operands := func(t, b, i, h int) []Operand {
		return []Operand{{Shape: []int{t, b, i}}, {Shape: []int{b, h}}, {Shape: []int{b, h}},
			{Shape: []int{4 * h, i}}, {Shape: []int{4 * h, h}}, {Shape: []int{4 * h}}, {Shape: []int{4 * h}}}
	}
	frozen := operands(4, 2, 3, 3)
	for i := 3; i < len(frozen); i++ {
		frozen[i].Const = true
	}
	fresh := operands(3, 2, 3, 2)
	fresh[1].Const, fresh[2].Const = true, true
	strided := operands(3, 3, 2, 2)
	strided[0].View = func(x *tensor.Tensor) *tensor.Tensor { return x.Permute(1, 0, 2) }
	return []Case{
		{Name: "sequence", Out: -1, In: operands(5, 2, 3, 4)},
		{Name: "one step", Out: -1, In: operands(1, 3, 2, 5)},
		{Name: "only the outputs", Out: 0, In: operands(4, 1, 3, 2)},
		{Name: "only the last cell", Out: 2, In: operands(3, 2, 2, 3)},
		{Name: "frozen weights", Out: -1, In: frozen},
		{Name: "fresh state", Out: -1, In: fresh},
		{Name: "strided", Out: -1, In: strided},
	}
}
