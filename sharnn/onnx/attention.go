package onnx

import (
	"math"

	"github.com/tiller-ml/tiller/sharnn"
)

// attention adds [sharnn.Attention.Forward] for queries x (T, B, H) and rows
// (S, B, H).
func (e *exporter) attention(name, x, rows string, a *sharnn.Attention) string {
	e.skip(a.QKVS, a.RGate)
	width := e.c.Width / a.Heads
	q := e.linear(name+".q", x, a.Q.Weight, a.Q.Bias)
	q = e.norm(name+".qln", e.reshape(name+".query", q, e.c.Width), a.QLN)
	q = e.apply("Mul", name+".scaled", []string{q, e.queryScale(name, a)})
	q = e.reshape(name+".heads", q, a.Heads, width)                                              // (T, B, heads, D)
	q = e.apply("Transpose", name+".queries", []string{q}, attribute{"perm", []int{1, 2, 0, 3}}) // (B, heads, T, D)

	split := e.apply("Reshape", name+".split", []string{rows, e.ints(0, 0, int64(a.Heads), int64(width))})
	values := e.apply("Transpose", name+".values", []string{split}, attribute{"perm", []int{1, 2, 0, 3}}) // (B, heads, S, D)
	keys := e.apply("Transpose", name+".keys", []string{values}, attribute{"perm", []int{0, 1, 3, 2}})    // (B, heads, D, S)
	scores := e.apply("MatMul", name+".scores", []string{q, keys})                                        // (B, heads, T, S)
	seen := e.apply("Where", name+".seen", []string{e.causal(rows), scores, e.number("hidden", hidden)})
	shares := e.apply("Softmax", name+".weights", []string{seen}, attribute{"axis", -1})
	mix := e.apply("MatMul", name+".mix", []string{shares, values}) // (B, heads, T, D)

	mix = e.apply("Transpose", name+".merged", []string{mix}, attribute{"perm", []int{2, 0, 1, 3}}) // (T, B, heads, D)
	return e.apply("Mul", name, []string{e.reshape(name+".mixture", mix, e.c.Width), e.valueScale(a)})
}

// queryScale is s(qs) * s(ks) / sqrt(D): constants, which a runtime computes once.
func (e *exporter) queryScale(name string, a *sharnn.Attention) string {
	qs := e.apply("Sigmoid", name+".qs.sigmoid", []string{e.param(a.QS)})
	ks := e.apply("Sigmoid", name+".ks.sigmoid", []string{e.param(a.KS)})
	both := e.apply("Mul", name+".scales", []string{qs, ks})
	root := e.number("scale", float32(1/math.Sqrt(float64(e.c.Width/a.Heads))))
	return e.apply("Mul", name+".scale", []string{both, root})
}

// causal tells which of S rows each of T positions sees: (T, S), the whole past
// and, of the segment, what is not after it. Position t is row S - T + t.
func (e *exporter) causal(rows string) string {
	if e.visible != "" {
		return e.visible
	}
	total := e.rowsOf("rows", rows)
	past := e.apply("Sub", "rows.past", []string{total, e.positions()})
	end := e.apply("Squeeze", "rows.end", []string{total})
	first := e.apply("Squeeze", "rows.first", []string{past})
	all := e.apply("Range", "rows.all", []string{e.integer(0), end, e.integer(1)}) // (S)
	own := e.apply("Range", "rows.own", []string{first, end, e.integer(1)})        // (T)
	column := e.apply("Unsqueeze", "rows.column", []string{own, e.ints(1)})        // (T, 1)
	e.visible = e.apply("LessOrEqual", "visible", []string{all, column})           // (T, S)
	return e.visible
}
