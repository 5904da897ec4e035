package cpu

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// attentionCase is a shape; pieces are the rows of each piece of keys and
// values, of which those in frozen want no gradient.
type attentionCase struct {
	B, heads, T, D int
	pieces         []int
	frozen         []int
	weights        float64 // dropout
	values         float64
	headsFirst     bool // laid out (B, heads, rows, D) instead of (rows, B, heads*D)
	shared         bool // keys and values are the same tensors
	noQ            bool // the gradient of Q is not wanted
}

func (c attentionCase) String() string {
	s := fmt.Sprintf("B%d_h%d_T%d_D%d_%v", c.B, c.heads, c.T, c.D, c.pieces)
	for _, f := range []struct {
		on   bool
		name string
	}{
		{c.weights > 0, "weights"}, {c.values > 0, "values"}, {c.headsFirst, "headsFirst"}, {c.shared, "shared"},
		{c.noQ, "noQ"}, {c.frozen != nil, fmt.Sprint("frozen", c.frozen)},
	} {
		if f.on {
			s += "_" + f.name
		}
	}
	return s
}

func (c attentionCase) keys() int {
	n := 0
	for _, p := range c.pieces {
		n += p
	}
	return n
}

func (c attentionCase) isFrozen(piece int) bool {
	for _, f := range c.frozen {
		if f == piece {
			return true
		}
	}
	return false
}

// attentionOperands are (B, heads, rows, D), all keys in one.
type attentionOperands struct {
	attentionCase
	scale         float64
	q, k, v, dout []float64
	mw, mv        []float64 // multipliers of weights (B, heads, T, S) and values (S, B, heads*D)
	ws, vs        site
}

func newAttentionOperands(t testing.TB, c attentionCase) *attentionOperands {
	S := c.keys()
	n, m := c.B*c.heads*c.T*c.D, c.B*c.heads*S*c.D
	o := &attentionOperands{attentionCase: c, scale: 1 / math.Sqrt(float64(c.D))}
	o.q, o.k, o.v, o.dout = numbers(1, n), numbers(2, m), numbers(3, m), numbers(4, n)
	if c.shared {
		o.v = o.k
	}
	o.ws = site{p: c.weights, key: tensor.Key{Seed: 1 << 40, Step: 3, Site: 5}}
	o.vs = site{p: c.values, key: tensor.Key{Seed: 9, Step: 1, Site: 6}}
	o.mw = o.ws.multipliers(t, c.B*c.heads*c.T*S)
	o.mv = o.vs.multipliers(t, m)
	return o
}

// naiveAttention is the attention computed one number at a time.
type naiveAttention struct {
	*attentionOperands
	out, lse, dq, dk, dv []float64
}

func (o *attentionOperands) naive() []result {
	n := &naiveAttention{
		attentionOperands: o, out: make([]float64, len(o.q)), lse: make([]float64, o.B*o.heads*o.T),
		dq: make([]float64, len(o.q)), dk: make([]float64, len(o.k)), dv: make([]float64, len(o.k)),
	}
	for r := range n.lse {
		n.query(r, n.weightsOf(r))
	}
	all := []result{{"Out", n.out}, {"LSE", n.lse}}
	if !o.noQ {
		all = append(all, result{"DQ", n.dq})
	}
	at := 0
	for i, rows := range o.pieces {
		if !o.isFrozen(i) {
			all = append(all, result{fmt.Sprint("DK", i), o.rows(n.dk, at, rows)}, result{fmt.Sprint("DV", i), o.rows(n.dv, at, rows)})
		}
		at += rows
	}
	return all
}

// weightsOf is the softmax of query r's scores.
func (n *naiveAttention) weightsOf(r int) []float64 {
	S := n.keys()
	p := make([]float64, S-n.T+r%n.T+1)
	sum := 0.0
	for s := range p {
		for d := range n.D {
			p[s] += n.scale * n.q[r*n.D+d] * n.k[(r/n.T*S+s)*n.D+d]
		}
		p[s] = math.Exp(p[s])
		sum += p[s]
	}
	n.lse[r] = math.Log(sum)
	for s := range p {
		p[s] /= sum
	}
	return p
}

// query is query r's result and what it adds to the gradients.
func (n *naiveAttention) query(r int, p []float64) {
	S, bh := n.keys(), r/n.T
	dp, dot := make([]float64, len(p)), 0.0
	for s := range p {
		for d := range n.D {
			at, m := (bh*S+s)*n.D+d, n.mv[(s*n.B*n.heads+bh)*n.D+d]
			w := p[s] * n.mw[r*S+s]
			n.out[r*n.D+d] += w * n.v[at] * m
			dp[s] += n.dout[r*n.D+d] * n.v[at] * m * n.mw[r*S+s]
			n.dv[at] += w * m * n.dout[r*n.D+d]
		}
		dot += p[s] * dp[s]
	}
	for s := range p {
		for d := range n.D {
			ds := n.scale * p[s] * (dp[s] - dot)
			n.dq[r*n.D+d] += ds * n.k[(bh*S+s)*n.D+d]
			n.dk[(bh*S+s)*n.D+d] += ds * n.q[r*n.D+d]
		}
	}
}

// rows are rows at to at+n of each head.
func (o *attentionOperands) rows(all []float64, at, n int) []float64 {
	var out []float64
	S := o.keys()
	for bh := range o.B * o.heads {
		out = append(out, all[(bh*S+at)*o.D:(bh*S+at+n)*o.D]...)
	}
	return out
}

// view makes a tensor shown as (B, heads, rows, D), full of NaN.
func (c attentionCase) view(b *Backend, dtype tensor.DType, rows int) *tensor.Tensor {
	var t *tensor.Tensor
	if c.headsFirst {
		t = backend.New(b, dtype, c.B, c.heads, rows, c.D)
	} else {
		t = backend.New(b, dtype, rows, c.B, c.heads*c.D).Reshape(rows, c.B, c.heads, c.D).Permute(1, 2, 0, 3)
	}
	b.Fill(t, math.NaN())
	return t
}

func placeView[T float](b *Backend, c attentionCase, data []float64, rows int) *tensor.Tensor {
	t := c.view(b, tensor.DTypeOf[T](), rows)
	b.Copy(t, tensorOf[T](b, data, c.B, c.heads, rows, c.D))
	return t
}

func attentionCall[T float](b *Backend, o *attentionOperands, byMask bool) *backend.AttentionCall {
	dtype, S := tensor.DTypeOf[T](), o.keys()
	ws, vs := o.ws, o.vs
	ws.byMask, vs.byMask = byMask, byMask
	c := &backend.AttentionCall{
		Q: placeView[T](b, o.attentionCase, o.q, o.T), Scale: o.scale,
		Weights: ws.dropoutOf(b, dtype, o.B*o.heads*o.T*S), Values: vs.dropoutOf(b, dtype, o.B*o.heads*S*o.D),
		Out: o.view(b, dtype, o.T), LSE: blank[T](b, o.B, o.heads, o.T),
	}
	at := 0
	for _, n := range o.pieces {
		c.K = append(c.K, placeView[T](b, o.attentionCase, o.rows(o.k, at, n), n))
		c.V = append(c.V, placeView[T](b, o.attentionCase, o.rows(o.v, at, n), n))
		at += n
	}
	if o.shared {
		c.V = c.K
	}
	return c
}

func attentionGrads[T float](b *Backend, o *attentionOperands) *backend.AttentionGrads {
	dtype := tensor.DTypeOf[T]()
	g := &backend.AttentionGrads{DOut: placeView[T](b, o.attentionCase, o.dout, o.T)}
	if !o.noQ {
		g.DQ = o.view(b, dtype, o.T)
	}
	for i, n := range o.pieces {
		var dk, dv *tensor.Tensor
		if !o.isFrozen(i) {
			dk, dv = o.view(b, dtype, n), o.view(b, dtype, n)
		}
		g.DK, g.DV = append(g.DK, dk), append(g.DV, dv)
	}
	return g
}

func runAttention[T float](b *Backend, o *attentionOperands, byMask bool) []result {
	c := attentionCall[T](b, o, byMask)
	b.Attention(c)
	g := attentionGrads[T](b, o)
	b.AttentionGrad(c, g)
	out := read(b, []string{"Out", "LSE", "DQ"}, c.Out, c.LSE, g.DQ)
	for i := range o.pieces {
		out = append(out, read(b, []string{fmt.Sprint("DK", i), fmt.Sprint("DV", i)}, g.DK[i], g.DV[i])...)
	}
	return out
}

var attentionCases = []attentionCase{
	{B: 1, heads: 1, T: 1, D: 1, pieces: []int{1}},
	{B: 2, heads: 3, T: 5, D: 7, pieces: []int{5}},
	{B: 1, heads: 2, T: 5, D: 8, pieces: []int{0, 5}},
	{B: 3, heads: 1, T: 4, D: 16, pieces: []int{9, 4}, frozen: []int{0}},
	{B: 2, heads: 2, T: 6, D: 5, pieces: []int{5, 3}, headsFirst: true},
	{B: 1, heads: 1, T: 150, D: 12, pieces: []int{150}},
	{B: 1, heads: 2, T: 300, D: 5, pieces: []int{120, 250}},
	{B: 1, heads: 2, T: 131, D: 9, pieces: []int{200, 131}, frozen: []int{0}, weights: 0.3},
	{B: 5, heads: 1, T: 20, D: 32, pieces: []int{130, 20}, frozen: []int{0}, shared: true},
	{B: 2, heads: 1, T: 7, D: 6, pieces: []int{3, 7}, weights: 0.4, values: 0.2},
	{B: 3, heads: 2, T: 5, D: 5, pieces: []int{4, 2, 3}, weights: 0.5, values: 0.5, headsFirst: true},
	{B: 1, heads: 1, T: 140, D: 3, pieces: []int{131, 140}, weights: 0.1, values: 0.1, shared: true},
	{B: 2, heads: 2, T: 3, D: 4, pieces: []int{5, 3}, values: 0.3, noQ: true},
	{B: 2, heads: 2, T: 3, D: 4, pieces: []int{5, 3}, frozen: []int{0, 1}},
	{B: 2, heads: 2, T: 3, D: 4, pieces: []int{5, 3}, frozen: []int{1}, noQ: true},
	{B: 1, heads: 1, T: 1, D: 64, pieces: []int{1300, 1}},
	{B: 2, heads: 3, T: 1, D: 10, pieces: []int{600, 1}, headsFirst: true, frozen: []int{1}},
	{B: 2, heads: 1, T: 1, D: 10, pieces: []int{40, 1}, weights: 0.3, values: 0.3},
	{B: 2, heads: 3, T: 1, D: 5, pieces: []int{9, 5, 14, 1}, frozen: []int{0, 2}},
	{B: 1, heads: 2, T: 1, D: 64, pieces: []int{130, 5, 1}, frozen: []int{0, 2}, noQ: true},
	{B: 1, heads: 1, T: 4, D: 3, pieces: []int{2, 0, 1, 0, 4}},
	{B: 0, heads: 2, T: 3, D: 4, pieces: []int{3}},
	{B: 2, heads: 2, T: 0, D: 4, pieces: []int{3}},
}

func TestAttention(t *testing.T) {
	for _, c := range attentionCases {
		t.Run(c.String(), func(t *testing.T) {
			o := newAttentionOperands(t, c)
			checkKernel(t, o.naive,
				func(b *Backend) []result { return runAttention[float32](b, o, false) },
				func(b *Backend) []result { return runAttention[float64](b, o, false) })
		})
	}
}

func TestAttentionMask(t *testing.T) {
	for _, c := range attentionCases {
		if c.weights == 0 && c.values == 0 {
			continue
		}
		t.Run(c.String(), func(t *testing.T) {
			o := newAttentionOperands(t, c)
			b := open(t, 2)
			requireSame(t, runAttention[float32](b, o, false), runAttention[float32](b, o, true), "by mask")
			requireSame(t, runAttention[float64](b, o, false), runAttention[float64](b, o, true), "by mask")
		})
	}
}

// A stride other than 1 along D takes the way without dense rows.
func TestAttentionStridedRows(t *testing.T) {
	for _, c := range []attentionCase{
		{B: 2, heads: 1, T: 1, D: 6, pieces: []int{4, 1}},
		{B: 2, heads: 1, T: 3, D: 6, pieces: []int{4, 3}, values: 0.4, weights: 0.2},
	} {
		t.Run(c.String(), func(t *testing.T) {
			o := newAttentionOperands(t, c)
			b := open(t, 2)
			spread := func(x *tensor.Tensor) *tensor.Tensor {
				s := x.Shape
				y := backend.New(b, x.DType, s[0], s[1], s[3], s[2]).Transpose()
				b.Copy(y, x)
				return y
			}
			call, g := attentionCall[float64](b, o, false), attentionGrads[float64](b, o)
			call.Q, call.Out, g.DOut, g.DQ = spread(call.Q), spread(call.Out), spread(g.DOut), spread(g.DQ)
			for i := range call.K {
				call.K[i], call.V[i] = spread(call.K[i]), spread(call.V[i])
				g.DK[i], g.DV[i] = spread(g.DK[i]), spread(g.DV[i])
			}
			b.Attention(call)
			b.AttentionGrad(call, g)
			got := read(b, []string{"Out", "LSE", "DQ", "DK0", "DV0", "DK1", "DV1"},
				call.Out, call.LSE, g.DQ, g.DK[0], g.DV[0], g.DK[1], g.DV[1])
			compare(t, o.naive(), got, 1e-11)
		})
	}
}

// Scores far from zero must not overflow.
func TestAttentionLargeScores(t *testing.T) {
	c := attentionCase{B: 1, heads: 1, T: 200, D: 4, pieces: []int{100, 200}}
	o := newAttentionOperands(t, c)
	o.scale = 0.5
	for i := range o.k {
		o.k[i] *= 8
	}
	b := open(t, 2)
	compare(t, o.naive(), runAttention[float32](b, o, false), 2e-4)
	call := attentionCall[float32](b, o, false)
	call.Scale = 100
	b.Attention(call)
	for _, v := range numbersOf(b, call.Out) {
		require.False(t, math.IsNaN(v) || math.IsInf(v, 0))
	}
}
