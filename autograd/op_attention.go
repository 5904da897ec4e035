package autograd

import (
	"math"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// AttentionConfig are the constants of an attention.
type AttentionConfig struct {
	Heads   int
	Scale   float64         // multiplies the scores
	Weights backend.Dropout // site over (B, heads, T, S)
	Values  backend.Dropout // site over (S, B, H)
}

// Attention mixes values by softmax(scale * q k^T), causally: q is (T, B, H),
// keys and values come in as many pieces (Si, B, H), oldest first, S rows in
// all; the last T rows are q's own segment, so query t sees rows 0 to S-T+t.
// The heads lie side by side in H. The result is (T, B, H). Dropped weights are
// not renormalised. A piece that is not tracked costs no gradient.
func Attention(q *Var, keys, values []*Var, a AttentionConfig) *Var {
	in := append(append([]*Var{q}, keys...), values...)
	return Apply(attentionOp, a, in...)[0]
}

// AttentionWeights are the softmax weights (B, heads, T, S) that [Attention]
// uses, before dropout.
func AttentionWeights(q *Var, keys []*Var, a AttentionConfig) *Var {
	k := Concat(0, keys...)
	t, s := q.Value.Dim(0), k.Value.Dim(0)
	scores := Scale(MatMul(byHead(q, a.Heads), Transpose(byHead(k, a.Heads))), a.Scale)
	last := make([]int32, t) // one past the newest row that each query sees
	for i := range last {
		last[i] = int32(s - t + i + 1)
	}
	limit := q.tape.Own(backend.FromSlice(q.tape.Backend, last, t, 1))
	hidden := q.tape.Own(backend.New(q.tape.Backend, q.Value.DType))
	q.tape.Backend.Fill(hidden.Value, math.Inf(-1))
	return Softmax(Select(Less(iota32(q.tape, s), limit), scores, hidden))
}

// byHead shows (T, B, H) as (B, heads, T, H/heads).
func byHead(x *Var, heads int) *Var {
	s := x.Shape()
	return Permute(Reshape(x, s[0], s[1], heads, s[2]/heads), 1, 2, 0, 3)
}

var attentionOp = &Op{
	Name: "attention",
	Infer: func(attr any, in []Meta) []Meta {
		a, q := attr.(AttentionConfig), in[0].Shape
		sameDType("attention", in)
		floats("attention", in)
		if len(q) != 3 || len(in) < 3 || len(in)%2 != 1 || a.Heads < 1 || q[2]%a.Heads != 0 {
			fail("attention", in, "want q (T, B, H) with H a multiple of the heads, and as many keys as values")
		}
		pieces, rows := (len(in)-1)/2, 0
		for i, k := range in[1 : 1+pieces] {
			if len(k.Shape) != 3 || !slices.Equal(k.Shape[1:], q[1:]) || !slices.Equal(k.Shape, in[1+pieces+i].Shape) {
				fail("attention", in, "a piece of keys and values does not fit")
			}
			rows += k.Shape[0]
		}
		if rows < q[0] {
			fail("attention", in, "fewer keys than queries")
		}
		checkDropout("attention", a.Weights, in, q[1], a.Heads, q[0], rows)
		checkDropout("attention", a.Values, in, rows, q[1], q[2])
		return []Meta{in[0]}
	},
	Fwd: func(c *Call) {
		call := attentionCall(c)
		q := c.In[0]
		call.LSE = c.Save(q.DType, q.Shape[1], c.Attr.(AttentionConfig).Heads, q.Shape[0])
		c.Backend.(backend.Attender).Attention(call)
	},
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		call, heads := attentionCall(c), c.Attr.(AttentionConfig).Heads
		call.LSE = c.Saved[0]
		out, views := make([]*tensor.Tensor, len(c.In)), make([]*tensor.Tensor, len(c.In))
		for i, x := range c.In {
			if c.Needs[i] {
				out[i] = c.New(x.DType, x.Shape...)
				views[i] = c.headView(out[i], heads)
			}
		}
		pieces := (len(c.In) - 1) / 2
		c.Backend.(backend.Attender).AttentionGrad(call, &backend.AttentionGrads{
			DOut: c.headView(c.Contiguous(grads[0]), heads),
			DQ:   views[0], DK: views[1 : 1+pieces], DV: views[1+pieces:],
		})
		return out
	},
	Fused: func(b backend.Backend) bool { _, ok := b.(backend.Attender); return ok },
	Ref: func(attr any, in []*Var) []*Var {
		a, q, pieces := attr.(AttentionConfig), in[0], (len(in)-1)/2
		weights := AttentionWeights(q, in[1:1+pieces], a)
		if a.Weights.On() {
			weights = Mul(weights, mask(q.tape, a.Weights, q.Value.DType, weights.Shape()...))
		}
		v := Concat(0, in[1+pieces:]...)
		if a.Values.On() {
			v = Mul(v, mask(q.tape, a.Values, q.Value.DType, v.Shape()...))
		}
		mix := MatMul(weights, byHead(v, a.Heads))
		return []*Var{Reshape(Permute(mix, 2, 0, 1, 3), q.Shape()...)}
	},
	Cases: attentionCases,
}

func attentionCall(c *Call) *backend.AttentionCall {
	a, pieces := c.Attr.(AttentionConfig), (len(c.In)-1)/2
	views := make([]*tensor.Tensor, len(c.In))
	for i, x := range c.In {
		views[i] = c.headView(x, a.Heads)
	}
	return &backend.AttentionCall{
		Q: views[0], K: views[1 : 1+pieces], V: views[1+pieces:], Scale: a.Scale,
		Weights: a.Weights, Values: a.Values, Out: c.headView(c.Out[0], a.Heads),
	}
}

// headView is byHead for a tensor.
func (c *Call) headView(x *tensor.Tensor, heads int) *tensor.Tensor {
	v, d := c.heads.next(), x.Shape[2]/heads
	v.Look(x, x.Offset, []int{x.Shape[1], heads, x.Shape[0], d}, []int{x.Strides[1], d * x.Strides[2], x.Strides[0], x.Strides[2]})
	return v
}

func attentionCases() []Case {
	// Pieces of keys, then of values; those before the last are memory.
	operands := func(b, h, t int, sizes ...int) []Operand {
		in := []Operand{{Shape: []int{t, b, h}}}
		for range 2 {
			for _, s := range sizes {
				in = append(in, Operand{Shape: []int{s, b, h}})
			}
		}
		return in
	}
	memory := operands(2, 3, 3, 4, 3)
	memory[1].Const, memory[3].Const = true, true
	key := func(site uint32) tensor.Key { return tensor.Key{Seed: 5, Step: 1, Site: site} }
	dropped := AttentionConfig{Heads: 2, Scale: 0.7,
		Weights: backend.Dropout{P: 0.3, Key: key(1)}, Values: backend.Dropout{P: 0.2, Key: key(2)}}
	strided := operands(2, 4, 3, 3)
	for i := range strided {
		strided[i].Shape = []int{2, 3, 4}
		strided[i].View = func(x *tensor.Tensor) *tensor.Tensor { return x.Permute(1, 0, 2) }
	}
	plain := AttentionConfig{Heads: 1, Scale: 0.5}
	return []Case{
		{Name: "one segment", Attr: plain, In: operands(2, 4, 5, 5)},
		{Name: "with memory", Attr: plain, In: operands(2, 3, 4, 3, 4)},
		{Name: "memory without gradient", Attr: plain, In: memory},
		{Name: "three pieces, two heads", Attr: AttentionConfig{Heads: 2, Scale: 1}, In: operands(1, 6, 2, 5, 3, 2)},
		{Name: "one query", Attr: plain, In: operands(3, 4, 1, 6, 1)},
		{Name: "a segment across pieces", Attr: plain, In: operands(1, 4, 5, 4, 3)},
		{Name: "dropout", Attr: dropped, In: operands(2, 6, 3, 4, 3)},
		{Name: "strided", Attr: plain, In: strided},
	}
}
