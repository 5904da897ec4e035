package onnx

import (
	"fmt"
	"math"

	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
)

// hidden is a score of a position that must not be seen: finite, since a kernel
// that meets a block of infinities alone makes NaN of them, and so low that its
// weight is 0.
const hidden = -1e30

// tokens is the input of symbols.
const tokens = "tokens"

// exporter makes the graph of a model.
type exporter struct {
	*graph
	*weights
	c       sharnn.Config
	batch   string // (2): T, B
	segment string // (1): T; "" before an attention
	start   string // (1): the first row of the memories that the segment sees; "" before a memory
	visible string // (T, S): which rows each position sees; "" before an attention
}

// build is m's graph.
func build(m *sharnn.Model) (*graph, error) {
	g := &graph{name: "sharnn", doc: "A SHA-RNN (arXiv 1911.11423): one segment of a batch of texts. Feed each output next.X back as the input X of the next segment."}
	e := &exporter{graph: g, weights: newWeights(m, g), c: m.Config}
	g.input(value{tokens, "ids of symbols", int64Type, []any{"segment", "batch"}})
	e.batch = g.apply("Shape", "segment_batch", []string{tokens})
	h := g.apply("Gather", "encoder", []string{e.param(m.Encoder.Weight), tokens}, attribute{"axis", 0})
	for i, l := range m.Blocks {
		h = e.block(fmt.Sprintf("blocks.%d", i), l, h)
	}
	logits := e.decoder(m, h)
	doc := "unnormalised scores of the symbol after each position"
	if m.Split != nil {
		doc = "log probabilities of the symbol after each position"
	}
	g.output(value{logits, doc, float32Type, []any{"segment", "batch", m.Config.Symbols}})
	if err := e.check(m); err != nil {
		return nil, err
	}
	return g, nil
}

// block adds [sharnn.Block.Forward] for h (T, B, H).
func (e *exporter) block(name string, l *sharnn.Block, h string) string {
	h = e.norm(name+".lnstart", h, l.LNStart)
	x := e.lstm(name, h, l.RNN)
	if l.Residual {
		x = e.apply("Add", name+".residual", []string{h, x})
	}
	h = x
	e.skip(l.LNOut)
	if l.Attn == nil {
		e.skip(l.LNMid, l.LNMem)
	} else {
		rows := e.memory(name, e.norm(name+".lnmem", h, l.LNMem))
		h = e.norm(name+".lnmid", h, l.LNMid)
		mix := e.attention(name+".attn", h, rows, l.Attn)
		h = e.apply("Add", name+".attended", []string{mix, h})
	}
	boom := e.boom(name+".ff", e.norm(name+".lnxff", h, l.LNXFF), l.FF)
	return e.apply("Add", name, []string{boom, e.norm(name+".lnff", h, l.LNFF)})
}

func (e *exporter) norm(name, x string, l *nn.LayerNorm) string {
	return e.apply("LayerNormalization", name, []string{x, e.param(l.Weight), e.param(l.Bias)},
		attribute{"axis", -1}, attribute{"epsilon", float32(l.Eps)})
}

// lstm adds the layer with its state in and out.
func (e *exporter) lstm(block, x string, l *nn.LSTM) string {
	name := block + ".rnn"
	state := func(part, doc string) string {
		in := value{block + "." + part, doc, float32Type, []any{"batch", e.c.Width}}
		e.input(in)
		in.name = "next." + in.name
		e.output(in)
		return e.apply("Unsqueeze", name+"."+part, []string{block + "." + part, e.ints(0)}) // (1, B, H)
	}
	h, c := state("h", "the LSTM's output at the last position"), state("c", "the LSTM's cells after the last position")
	y, yh, yc := name+".y", name+".y_h", name+".y_c" // (T, 1, B, H), (1, B, H), (1, B, H)
	e.nodes = append(e.nodes, node{"LSTM", name,
		[]string{x, e.gateMatrix(l.WeightIH), e.gateMatrix(l.WeightHH), e.gateBias(name+".bias", l.BiasIH, l.BiasHH), "", h, c},
		[]string{y, yh, yc}, []attribute{{"hidden_size", e.c.Width}}})
	e.apply("Squeeze", "next."+block+".h", []string{yh, e.ints(0)})
	e.apply("Squeeze", "next."+block+".c", []string{yc, e.ints(0)})
	return e.apply("Squeeze", name+".out", []string{y, e.ints(1)})
}

// memory adds the rows (S, B, H) that a segment sees, its own (T, B, H) last, and
// the memory that it leaves.
func (e *exporter) memory(block, own string) string {
	if e.c.Memory == 0 {
		return own
	}
	in := value{block + ".memory", "past rows, oldest first", float32Type, []any{"memory", "batch", e.c.Width}}
	past := e.input(in)
	kept := e.slice(block+".kept", past, e.firstSeen(past))
	rows := e.apply("Concat", block+".rows", []string{kept, own}, attribute{"axis", 0})
	in.name, in.dims = "next."+in.name, []any{"next_memory", "batch", e.c.Width}
	e.output(in)
	e.slice(in.name, rows, e.ints(-int64(e.c.Memory)))
	return rows
}

// firstSeen is the first of the past's rows that the segment sees, so that no
// more than the limit are seen with its own: max(0, M + T - mem), where a start
// beyond the end means none. The reference's slice [-(mem-T):] counts from the
// end for T < mem, is the whole for T = mem, and from the beginning for T > mem,
// which is how Slice takes T - mem.
func (e *exporter) firstSeen(past string) string {
	if e.start != "" {
		return e.start
	}
	limit := e.ints(int64(e.c.Memory))
	if e.c.MemoryQuirk {
		e.start = e.apply("Sub", "memory.start", []string{e.positions(), limit})
		return e.start
	}
	all := e.apply("Add", "memory.all", []string{e.rowsOf("memory.length", past), e.positions()})
	over := e.apply("Sub", "memory.over", []string{all, limit})
	e.start = e.apply("Max", "memory.start", []string{over, e.ints(0)})
	return e.start
}

// positions is T.
func (e *exporter) positions() string {
	if e.segment == "" {
		e.segment = e.rowsOf("segment", tokens)
	}
	return e.segment
}

// rowsOf is the first dimension of x, as a list of one.
func (e *exporter) rowsOf(name, x string) string {
	return e.apply("Shape", name, []string{x}, attribute{"start", 0}, attribute{"end", 1})
}

// slice takes rows from start, a list of one, to the end.
func (e *exporter) slice(name, x, start string) string {
	return e.apply("Slice", name, []string{x, start, e.ints(math.MaxInt64), e.ints(0)})
}

// boom adds the feed-forward: a matrix, a GELU, and the sum over chunks of H.
func (e *exporter) boom(name, x string, l *sharnn.Boom) string {
	chunks := e.c.Hidden / e.c.Width
	y := e.linear(name+".linear1", x, l.Linear1.Weight, l.Linear1.Bias)
	if whole := chunks * e.c.Width; whole < e.c.Hidden {
		y = e.columns(name+".whole", y, 0, whole)
	}
	// gelu(x) = x * sigmoid(1.702 x)
	steep := e.apply("Mul", name+".steep", []string{y, e.number("gelu", 1.702)})
	y = e.apply("Mul", name+".gelu", []string{y, e.apply("Sigmoid", name+".sigmoid", []string{steep})})
	y = e.reshape(name+".chunks", y, chunks, e.c.Width)
	return e.apply("ReduceSum", name, []string{y, e.ints(2)}, attribute{"keepdims", 0})
}

// reshape makes (T, B, dims...) of x.
func (e *exporter) reshape(name, x string, dims ...int) string {
	list := make([]int64, len(dims))
	for i, d := range dims {
		list[i] = int64(d)
	}
	shape := e.apply("Concat", name+".shape", []string{e.batch, e.ints(list...)}, attribute{"axis", 0})
	return e.apply("Reshape", name, []string{x, shape})
}
