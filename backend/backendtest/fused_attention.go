package backendtest

import (
	"fmt"
	"math"
	"testing"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// timeMajor is how a model holds heads: (T, B, heads, D) seen as (B, heads, T, D).
var timeMajor = layout{"time-major", 4,
	func(shape []int) []int { return []int{shape[2], shape[0], shape[1], shape[3]} },
	func(base *tensor.Tensor, _ []int) *tensor.Tensor { return base.Permute(1, 2, 0, 3) }}

// attentionOracle holds all scores. Keys and values are in one piece.
type attentionOracle struct {
	batch, heads, steps, width, rows int
	scale                            float64
	q, k, v, dout                    array // (B, heads, T or S, D)
	weights, values                  array // (B, heads, T, S), (S, B, heads*D)
}

func (o *attentionOracle) run() (out, lse array) {
	out, lse = newArray(o.q.shape...), newArray(o.batch, o.heads, o.steps)
	for b := range o.batch {
		for h := range o.heads {
			for t := range o.steps {
				o.query(b, h, t, out, lse)
			}
		}
	}
	return out, lse
}

// query is the result of one query.
func (o *attentionOracle) query(b, h, t int, out, lse array) {
	head := b*o.heads + h
	at := head*o.steps + t
	q, seen := o.q.data[at*o.width:(at+1)*o.width], o.rows-o.steps+t+1
	scores := make([]float64, seen)
	for j := range scores {
		k := o.k.data[(head*o.rows+j)*o.width:]
		for i, v := range q {
			scores[j] += o.scale * v * k[i]
		}
	}
	sum := logSum(scores)
	lse.data[at] = sum
	for j, score := range scores {
		p := math.Exp(score-sum) * o.weights.data[at*o.rows+j]
		v := o.v.data[(head*o.rows+j)*o.width:]
		drop := o.values.data[((j*o.batch+b)*o.heads+h)*o.width:]
		for i := range o.width {
			out.data[at*o.width+i] += p * v[i] * drop[i]
		}
	}
}

func (o *attentionOracle) loss() float64 {
	out, _ := o.run()
	return dot(out, o.dout)
}

// attentionCases are batch, heads, T, D and the lengths of the pieces.
var attentionCases = []struct {
	batch, heads, steps, width int
	pieces                     []int
}{
	{1, 1, 1, 1, []int{1}}, {2, 2, 3, 2, []int{3}}, {2, 1, 3, 5, []int{2, 3}}, {1, 2, 1, 8, []int{7}}, {1, 2, 5, 4, []int{1, 4, 3}},
	{1, 2, 3, 4, []int{0, 3}}, {2, 2, 33, 16, []int{40, 33}}, {1, 1, 70, 24, []int{150, 70}}, {3, 2, 1, 16, []int{300, 1}}, {1, 3, 130, 8, []int{130}},
}

// attention tests results within 1e-5 (float32) and gradients against
// differences, with dropout of weights and of values, over views and pieces.
func (s *suite) attention(t *testing.T) {
	b := ability[backend.Attender](s, t)
	for _, d := range floats {
		for i, c := range attentionCases {
			for j, weights := range dropoutCases {
				values := dropoutCases[(i+j)%len(dropoutCases)]
				for _, l := range []layout{timeMajor, dense, layouts[2], layouts[3]} {
					o := newAttentionOracle(d, c.batch, c.heads, c.steps, c.width, c.pieces)
					t.Run(fmt.Sprint(d, c, weights.name, values.name, l.name), func(t *testing.T) {
						s.attentionCase(t, b, d, o, c.pieces, weights, values, l)
					})
				}
			}
		}
		s.attentionLarge(t, b, d)
	}
}

// attentionLarge tests scores of some hundreds, whose exponentials would
// overflow, within what rounding such scores costs.
func (s *suite) attentionLarge(t *testing.T, b backend.Attender, d tensor.DType) {
	o := newAttentionOracle(d, 2, 2, 9, 16, []int{30, 9})
	o.scale = 40
	_, o.weights = s.site(t, dropoutCases[0], d, 0, o.batch, o.heads, o.steps, o.rows)
	_, o.values = s.site(t, dropoutCases[0], d, 0, o.rows, o.batch, o.heads*o.width)
	out, lse := s.out(d, o.q.shape...), s.out(d, o.batch, o.heads, o.steps)
	c := &backend.AttentionCall{Q: s.put(t, dense, d, o.q), Scale: o.scale, Out: out.view, LSE: lse.view}
	for _, at := range [][2]int{{0, 30}, {30, 39}} {
		c.K = append(c.K, s.put(t, dense, d, cut(o.k, at[0], at[1])))
		c.V = append(c.V, s.put(t, dense, d, cut(o.v, at[0], at[1])))
	}
	b.Attention(c)
	wantOut, wantLSE := o.run()
	s.check(t, out, wantOut, tolerance{1e-3, 1e-11}.of(d))
	s.check(t, lse, wantLSE, tolerance{1e-5, 1e-13}.of(d))
	s.free(c.Q, out.base, lse.base)
	s.free(c.K...)
	s.free(c.V...)
}

func newAttentionOracle(d tensor.DType, batch, heads, steps, width int, pieces []int) *attentionOracle {
	o := &attentionOracle{batch: batch, heads: heads, steps: steps, width: width, scale: 0.7 / math.Sqrt(float64(width))}
	for _, n := range pieces {
		o.rows += n
	}
	o.q, o.dout = normals(70, batch, heads, steps, width).rounded(d), normals(71, batch, heads, steps, width).rounded(d)
	o.k, o.v = normals(72, batch, heads, o.rows, width).rounded(d), normals(73, batch, heads, o.rows, width).rounded(d)
	return o
}

func (s *suite) attentionCase(t *testing.T, b backend.Attender, d tensor.DType, o *attentionOracle, pieces []int, weights, values dropouts, l layout) {
	c := &backend.AttentionCall{Q: s.put(t, l, d, o.q), Scale: o.scale}
	g := &backend.AttentionGrads{DOut: s.put(t, l, d, o.dout), DQ: s.out(d, o.q.shape...).view}
	lo := 0
	for _, n := range pieces {
		shape := []int{o.batch, o.heads, n, o.width}
		c.K = append(c.K, s.put(t, l, d, cut(o.k, lo, lo+n)))
		c.V = append(c.V, s.put(t, l, d, cut(o.v, lo, lo+n)))
		g.DK = append(g.DK, s.room(l, d, shape...).view)
		g.DV = append(g.DV, s.room(l, d, shape...).view)
		lo += n
	}
	c.Weights, o.weights = s.site(t, weights, d, 74, o.batch, o.heads, o.steps, o.rows)
	c.Values, o.values = s.site(t, values, d, 75, o.rows, o.batch, o.heads*o.width)
	out, lse := s.room(l, d, o.q.shape...), s.out(d, o.batch, o.heads, o.steps)
	c.Out, c.LSE = out.view, lse.view
	b.Attention(c)
	wantOut, wantLSE := o.run()
	tol := tolerance{1e-5, 1e-12}.of(d)
	s.check(t, out, wantOut, tol)
	s.check(t, lse, wantLSE, tol)

	b.AttentionGrad(c, g)
	checkSlopes(t, "q", d, s.get(t, g.DQ), o.q, o.loss)
	checkSlopes(t, "k", d, s.joined(t, o.k.shape, g.DK), o.k, o.loss)
	checkSlopes(t, "v", d, s.joined(t, o.v.shape, g.DV), o.v, o.loss)
	s.attentionPartial(t, b, d, c, g)

	s.free(c.Q, g.DOut, g.DQ, out.base, lse.base)
	s.free(c.K...)
	s.free(c.V...)
	s.free(g.DK...)
	s.free(g.DV...)
	s.freeSites(c.Weights, c.Values)
}

// attentionPartial tests that gradients nobody wants leave the others alone.
func (s *suite) attentionPartial(t *testing.T, b backend.Attender, d tensor.DType, c *backend.AttentionCall, full *backend.AttentionGrads) {
	last := len(full.DK) - 1
	for name, g := range map[string]*backend.AttentionGrads{
		"q": {DOut: full.DOut, DQ: s.out(d, full.DQ.Shape...).view, DK: make([]*tensor.Tensor, last+1), DV: make([]*tensor.Tensor, last+1)},
		"k": {DOut: full.DOut, DK: make([]*tensor.Tensor, last+1), DV: make([]*tensor.Tensor, last+1)},
		"v": {DOut: full.DOut, DK: make([]*tensor.Tensor, last+1), DV: make([]*tensor.Tensor, last+1)},
	} {
		switch name {
		case "k":
			g.DK[last] = s.out(d, full.DK[last].Shape...).view
		case "v":
			g.DV[0] = s.out(d, full.DV[0].Shape...).view
		}
		b.AttentionGrad(c, g)
		for _, p := range [][2]*tensor.Tensor{{g.DQ, full.DQ}, {g.DK[last], full.DK[last]}, {g.DV[0], full.DV[0]}} {
			if p[0] != nil {
				same(t, s.get(t, p[1]), s.get(t, p[0]), loose.of(d))
				s.free(p[0])
			}
		}
	}
}

// cut is rows lo to hi-1 of axis 2.
func cut(a array, lo, hi int) array {
	shape := []int{a.shape[0], a.shape[1], hi - lo, a.shape[3]}
	return build(shape, func(i []int) float64 { return a.at(i[0], i[1], lo+i[2], i[3]) })
}

// joined puts the pieces of a gradient one after the other along axis 2.
func (s *suite) joined(t *testing.T, shape []int, pieces []*tensor.Tensor) array {
	a, lo := newArray(shape...), 0
	for _, p := range pieces {
		part, i := s.get(t, p), 0
		each(part.shape, func(index []int) {
			a.data[((index[0]*shape[1]+index[1])*shape[2]+lo+index[2])*shape[3]+index[3]] = part.data[i]
			i++
		})
		lo += p.Shape[2]
	}
	return a
}
