//go:build cgo && linux

package cublas

import (
	"math"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/tensor"
)

// What kernels/attention_few.cu has room for: queries, elements of their rows,
// pieces, keys of a span, and columns that a block puts together.
const (
	fewQueries = 4
	fewRoom    = 2048
	fewPieces  = 8
	fewSpan    = 128
	fewSide    = 64
)

// few tells whether the kernels for few queries have what c, and g if it is not
// nil, ask for.
func (a *attention) few(g *backend.AttentionGrads) bool {
	if a.queries > fewQueries || a.queries*a.width > fewRoom || a.c.Weights.On() || a.c.Values.On() {
		return false
	}
	pieces := 0
	for i, k := range a.c.K {
		if k.Shape[2] == 0 {
			continue
		}
		pieces++
		if !alike(k, a.c.V[i]) || g != nil && !alike(pieceOf(g.DK, i), pieceOf(g.DV, i)) {
			return false
		}
	}
	return pieces <= fewPieces
}

// alike tells that two views, either of which may be nil, have dense rows and the
// same strides.
func alike(x, y *tensor.Tensor) bool {
	if x == nil {
		x, y = y, x
	}
	switch {
	case x == nil:
		return true
	case x.Strides[3] != 1 && x.Shape[3] > 1:
		return false
	}
	return y == nil || slices.Equal(x.Strides, y.Strides)
}

// fewBlocks is about how many blocks a kernel is cut into, if there are keys
// enough.
const fewBlocks = 512

// fewSpans is how many keys a block takes, and how many blocks an entry's keys are
// cut into. They depend on the shapes alone.
func (a *attention) fewSpans() (span, splits int) {
	span = a.keys * a.batch * a.heads / fewBlocks
	span = min(max((span+7)&^7, 32), fewSpan)
	return span, (a.keys + span - 1) / span
}

// fewKernel is a kernel of this dtype: products by few queries are reading, and not
// rounded to bfloat16.
func (a *attention) fewKernel(name string) kernel {
	if a.c.Q.DType == tensor.Float64 {
		return kernel{file: "attention_few", name: "attention_few" + name + "_f64"}
	}
	return kernel{file: "attention_few", name: "attention_few" + name + "_f32"}
}

// fewWords are the struct few_call.
func (a *attention) fewWords(l *cuda.Launch) *cuda.Launch {
	span, splits := a.fewSpans()
	return l.Words(uint64(a.heads), uint64(a.queries), uint64(a.keys), uint64(a.width),
		uint64(span), uint64(splits), math.Float64bits(a.c.Scale))
}

// pieceWords are the struct few_pieces.
func (a *attention) pieceWords() []uint64 {
	words := make([]uint64, 0, 6*fewPieces)
	for i, k := range a.c.K {
		if n := k.Shape[2]; n > 0 {
			words = append(words, uint64(a.b.at(k)), uint64(a.b.at(a.c.V[i])), uint64(n),
				uint64(k.Strides[0]), uint64(k.Strides[1]), uint64(k.Strides[2]))
		}
	}
	return words[:cap(words)]
}

// decode is Attention for few queries.
func (a *attention) decode() {
	b, c := a.b, a.c
	entries := a.batch * a.heads
	_, splits := a.fewSpans()
	mem := b.scratch(c.Q.DType.Bytes(entries * splits * a.queries * (a.width + 2)))
	defer b.release(mem)
	k := a.fewKernel("")
	l := b.begin(k, entries*splits, threads, 0).Ptr(mem.at).Ptr(b.at(c.Q)).Words(viewWords(c.Q)...).Words(a.pieceWords()...)
	b.run(k, a.fewWords(l))

	k = a.fewKernel("_join")
	sides := (a.width + fewSide - 1) / fewSide
	l = b.begin(k, entries*a.queries*sides, threads, 0).Ptr(b.at(c.Out)).Words(viewWords(c.Out)...).Ptr(b.at(c.LSE)).Ptr(mem.at)
	b.run(k, a.fewWords(l))
}

// gradWords are the struct few_grads.
func (a *attention) gradWords(g *backend.AttentionGrads) []uint64 {
	words := make([]uint64, 0, 5*fewPieces)
	for i, k := range a.c.K {
		if k.Shape[2] == 0 {
			continue
		}
		var at [2]uint64
		var strides [4]int
		for j, t := range []*tensor.Tensor{pieceOf(g.DK, i), pieceOf(g.DV, i)} {
			if t != nil {
				at[j] = uint64(a.b.at(t))
				copy(strides[:], t.Strides)
			}
		}
		words = append(words, at[0], at[1], uint64(strides[0]), uint64(strides[1]), uint64(strides[2]))
	}
	return words[:cap(words)]
}

// decodeGrad is AttentionGrad for few queries.
func (a *attention) decodeGrad(g *backend.AttentionGrads) {
	b, c := a.b, a.c
	entries := a.batch * a.heads
	_, splits := a.fewSpans()
	var mem scratch
	if g.DQ != nil {
		mem = b.scratch(c.Q.DType.Bytes(entries * splits * a.queries * a.width))
		defer b.release(mem)
	}
	k := a.fewKernel("_grad")
	l := b.begin(k, entries*splits, threads, 0).Ptr(mem.at)
	l.Words(uint64(b.at(c.Q)), uint64(b.at(g.DOut)), uint64(b.at(c.Out)), uint64(b.at(c.LSE)))
	l.Words(slices.Concat(viewWords(c.Q), viewWords(g.DOut), viewWords(c.Out))...)
	b.run(k, a.fewWords(l.Words(a.pieceWords()...).Words(a.gradWords(g)...)))
	if g.DQ == nil {
		return
	}
	n := entries * a.queries * a.width
	k = a.fewKernel("_add")
	l = b.begin(k, b.spread(n), threads, 0).Ptr(b.at(g.DQ)).Words(viewWords(g.DQ)...).Ptr(mem.at).Int(n)
	b.run(k, a.fewWords(l))
}
