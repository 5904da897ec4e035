//go:build cgo && linux

package cublas

import (
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

var _ backend.Attender = (*Backend)(nil)

// attentionLimits say how attention is cut into blocks; results differ by them in
// rounding.
type attentionLimits struct {
	bytes    int // of working memory, about
	queries  int // of a block at least, be there room for them or not
	diagonal int // keys of a span that not all queries of the block see
}

// The scores of SHA-RNN's 1024 queries and 6024 keys take 24 MiB for each sample.
var usualAttention = attentionLimits{bytes: 256 << 20, queries: 64, diagonal: 512}

// Attention computes Out and LSE: all scores of a block of queries, by products,
// then their softmax, then the products with values. No block's scores take more
// working memory than the limit. Up to four queries without dropout take two
// kernels instead, which read keys and values once.
func (b *Backend) Attention(c *backend.AttentionCall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.newAttention("Attention", c)
	switch {
	case a.empty():
	case a.few(nil):
		a.decode()
	default:
		a.forward()
	}
}

// attention are the sizes and operands of an AttentionCall.
type attention struct {
	b       *Backend
	c       *backend.AttentionCall
	suffix  string       // of kernels
	factor  tensor.DType // of the products' factors
	batch   int          // B
	heads   int
	queries int // T
	keys    int // S
	width   int // D
}

func (b *Backend) newAttention(op string, c *backend.AttentionCall) *attention {
	s := c.Q.Shape
	a := &attention{b: b, c: c, factor: c.Q.DType, batch: s[0], heads: s[1], queries: s[2], width: s[3]}
	for i, k := range c.K {
		want := []int{a.batch, a.heads, k.Shape[2], a.width}
		if !slices.Equal(k.Shape, want) || !slices.Equal(c.V[i].Shape, want) || k.DType != c.Q.DType || c.V[i].DType != c.Q.DType {
			tensor.Panicf(op, []*tensor.Tensor{c.Q, k, c.V[i]}, "a piece of keys and values does not fit")
		}
		a.keys += k.Shape[2]
	}
	if a.keys < a.queries {
		tensor.Panicf(op, []*tensor.Tensor{c.Q}, "fewer keys than queries: %d", a.keys)
	}
	switch {
	case c.Q.DType == tensor.Float64:
		a.suffix = "_f64"
	case c.Q.DType != tensor.Float32:
		tensor.Panicf(op, []*tensor.Tensor{c.Q}, "no kernel for %v", c.Q.DType)
	case b.precision == backend.BF16:
		a.suffix, a.factor = "_bf16", tensor.BFloat16
	default:
		a.suffix = "_f32"
	}
	return a
}

// empty tells that there is nothing to compute, or no device to do it.
func (a *attention) empty() bool {
	return a.b.fault != nil || a.batch*a.heads*a.queries*a.width == 0
}

// portion is the work on samples b0 to b1-1 and heads h0 to h1-1, with its
// operands as products read them.
type portion struct {
	*attentionWork
	b0, b1, h0, h1 int
	q, dout        *tensor.Tensor   // (b1-b0, h1-h0, T, D)
	k, v           []*tensor.Tensor // pieces
}

func (p *portion) samples() int { return p.b1 - p.b0 }
func (p *portion) across() int  { return p.h1 - p.h0 }

// of is the portion's part of a tensor (B, heads, ...).
func (p *portion) of(t *tensor.Tensor) *tensor.Tensor {
	return t.Slice(0, p.b0, p.b1).Slice(1, p.h0, p.h1)
}

// portions are all of the work. Working memory serves one after the other.
func (w *attentionWork) portions(f func(*portion)) {
	for b0 := 0; b0 < w.batch; b0 += w.samples {
		for h0 := 0; h0 < w.heads; h0 += w.across {
			p := &portion{attentionWork: w, b0: b0, b1: min(b0+w.samples, w.batch), h0: h0, h1: min(h0+w.across, w.heads)}
			p.k = p.readable(w.k, w.c.K)
			switch {
			case w.c.Values.On():
				p.v = []*tensor.Tensor{p.dropped()}
			case w.sameRows:
				p.v = p.k
			default:
				p.v = p.readable(w.v, w.c.V)
			}
			p.q = p.readable(w.q, []*tensor.Tensor{w.c.Q})[0]
			f(p)
		}
	}
}

// readable are pieces (B, heads, n, D) as products read them: as they lie, or in
// one piece in mem.
func (p *portion) readable(mem scratch, pieces []*tensor.Tensor) []*tensor.Tensor {
	if mem.bytes == 0 {
		all := make([]*tensor.Tensor, len(pieces))
		for i, t := range pieces {
			all[i] = p.of(t)
		}
		return all
	}
	n := 0
	for _, t := range pieces {
		n += t.Shape[2]
	}
	one, at := p.b.view(mem, p.factor, p.samples(), p.across(), n, p.width), 0
	for _, t := range pieces {
		p.b.copy(one.Slice(2, at, at+t.Shape[2]), p.of(t))
		at += t.Shape[2]
	}
	return []*tensor.Tensor{one}
}

// dropped are the values times their multipliers, in one piece.
func (p *portion) dropped() *tensor.Tensor {
	one, at := p.b.view(p.attentionWork.v, p.factor, p.samples(), p.across(), p.keys, p.width), 0
	for _, t := range p.c.V {
		p.drop(one.Slice(2, at, at+t.Shape[2]), p.of(t), at, p.suffix)
		at += t.Shape[2]
	}
	return one
}

// drop is dst = x times the multipliers of values from row first on.
func (p *portion) drop(dst, x *tensor.Tensor, first int, suffix string) {
	b, n := p.b, x.Shape[2]
	k := kernel{file: "attention", name: "attention_drop" + suffix}
	l := b.begin(k, b.spread(p.samples()*p.across()*n*32), threads, 0).Ptr(b.at(dst)).Words(viewWords(dst)...).Ptr(b.at(x)).Words(viewWords(x)...)
	l.Words(uint64(p.samples()), uint64(p.across()), uint64(n), uint64(p.width), uint64(p.b0), uint64(p.h0), uint64(p.batch), uint64(p.heads), uint64(first))
	l.Words(b.dropoutWords(p.c.Values)...)
	b.run(k, l)
}

// viewWords are the strides of a view (B, heads, rows, D), as kernels take them.
func viewWords(t *tensor.Tensor) []uint64 {
	words := make([]uint64, 4)
	for i, s := range t.Strides {
		words[i] = uint64(s)
	}
	return words
}

// block is the work of a portion on queries lo to hi-1.
type block struct {
	*portion
	lo, hi int
	scores *tensor.Tensor // (samples, heads, hi-lo, ld): scores, for all keys
}

// blocks are the portion's, the last queries first: they see all keys.
func (p *portion) blocks(f func(*block)) {
	for hi := p.queries; hi > 0; hi -= p.rows {
		b := &block{portion: p, lo: max(0, hi-p.rows), hi: hi}
		b.scores = b.room(p.attentionWork.scores, p.c.Q.DType)
		f(b)
	}
}

// room is working memory of the scores' shape.
func (b *block) room(mem scratch, d tensor.DType) *tensor.Tensor {
	return b.b.view(mem, d, b.samples(), b.across(), b.hi-b.lo, b.ld)
}

// span is some rows of a piece, key at of all and those after it. Queries from
// first on see any of them.
type span struct{ piece, row, n, at, first int }

// spans cut the keys that the block's queries see. Where not all of the queries see
// a span it is short, so that little is computed that nobody sees. The last of
// those that all see ends at a multiple of 8, which products read fastest.
func (b *block) spans(pieces []*tensor.Tensor, f func(span)) {
	old, start := b.keys-b.queries, 0
	whole, last := (old+b.lo+1)&^7, old+b.hi
	for i, t := range pieces {
		end := min(start+t.Shape[2], last)
		for at := start; at < end; {
			next := min(end, whole)
			if at >= whole {
				next = min(end, at+b.limits.diagonal)
			}
			f(span{i, at - start, next - at, at, max(b.lo, at-old)})
			at = next
		}
		start += t.Shape[2]
	}
}

// seeing is rows of (samples, heads, T, D) of the queries that see a span.
func (b *block) seeing(t *tensor.Tensor, s span) *tensor.Tensor { return t.Slice(2, s.first, b.hi) }

// tile is the part of a tensor like scores that belongs to a span.
func (b *block) tile(t *tensor.Tensor, s span) *tensor.Tensor {
	return t.Slice(2, s.first-b.lo, b.hi-b.lo).Slice(3, s.at, s.at+s.n)
}

// rowsOfSpan are a span's rows of pieces.
func rowsOfSpan(pieces []*tensor.Tensor, s span) *tensor.Tensor {
	return pieces[s.piece].Slice(2, s.row, s.row+s.n)
}

// products writes to dst, which is like scores, the products of the queries' rows
// x with those of pieces.
func (b *block) products(dst, x *tensor.Tensor, pieces []*tensor.Tensor) {
	b.spans(pieces, func(s span) {
		b.b.matMul(b.tile(dst, s), b.seeing(x, s), rowsOfSpan(pieces, s).Transpose(), false)
	})
}

// mixtures is dst = factors times the rows of pieces, for the block's queries.
func (b *block) mixtures(dst, factors *tensor.Tensor, pieces []*tensor.Tensor) {
	b.spans(pieces, func(s span) { // the first is one that all see
		b.b.matMul(b.seeing(dst, s), b.tile(factors, s), rowsOfSpan(pieces, s), s.at > 0)
	})
}

// words are the block as kernels take it.
func (b *block) words() []uint64 {
	return []uint64{uint64(b.b0), uint64(b.h0), uint64(b.across()), uint64(b.heads),
		uint64(b.hi - b.lo), uint64(b.lo), uint64(b.queries), uint64(b.keys),
		uint64(b.ld), uint64(b.keys - b.queries + b.hi)}
}

// eachRow begins a kernel with a block of threads for each row of scores.
func (b *block) eachRow(k kernel) *cuda.Launch {
	return b.b.begin(k, b.samples()*b.across()*(b.hi-b.lo), threads, 0)
}

func (a *attention) forward() {
	w := a.work(false)
	defer w.free()
	w.portions(func(p *portion) {
		out := p.of(a.c.Out)
		p.blocks(func(b *block) {
			b.products(b.scores, p.q, p.k)
			weights := b.room(w.weights, a.factor)
			b.softmax(weights)
			b.mixtures(out, weights, p.v)
		})
	})
}

// softmax turns scores into weights times their multipliers, and writes LSE.
func (b *block) softmax(weights *tensor.Tensor) {
	k := kernel{file: "attention", name: "attention_softmax" + b.suffix}
	l := b.eachRow(k).Ptr(b.b.at(weights)).Ptr(b.b.at(b.scores)).Ptr(b.b.at(b.c.LSE))
	b.b.run(k, l.Words(b.words()...).Words(b.b.dropoutWords(b.c.Weights)...).Double(b.c.Scale))
}
