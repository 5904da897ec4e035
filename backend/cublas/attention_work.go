//go:build cgo && linux

package cublas

import (
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// attentionWork is how an attention is cut, and the working memory of a portion
// and a block. Memory of 0 bytes is not needed: weights are then where scores
// are, dscores where dweights are, and factors are read where they lie.
type attentionWork struct {
	*attention
	limits          attentionLimits
	samples, across int  // samples and heads of a portion
	rows            int  // queries of a block
	ld              int  // scores from one row to the next
	sameRows        bool // values are read where keys are

	scores, weights, dweights, dscores scratch
	q, dout, k, v                      scratch
	delta                              scratch // (B, heads, T)

	all []scratch
}

// work cuts an attention and takes its working memory.
func (a *attention) work(grad bool) *attentionWork {
	w := &attentionWork{attention: a, limits: a.b.attention, ld: (a.keys + 7) &^ 7}
	w.sameRows = !a.c.Values.On() && slices.EqualFunc(a.c.K, a.c.V, sameView)
	perEntry, perRow := w.sizes(grad)
	w.cut(perEntry, perRow)
	defer func() {
		if r := recover(); r != nil {
			w.free()
			panic(r)
		}
	}()
	w.take(grad)
	return w
}

// sizes are the bytes that a sample's head takes for itself, and for a query.
func (w *attentionWork) sizes(grad bool) (perEntry, perRow int) {
	factor, copies := w.factor.Bytes(w.width), w.copies(grad)
	perEntry = factor * (copies.keys*w.keys + copies.queries*w.queries)
	perRow = w.c.Q.DType.Bytes(w.ld)
	if w.narrow() {
		perRow += w.factor.Bytes(w.ld)
	}
	if grad {
		perRow *= 2
	}
	return perEntry, perRow
}

// narrow tells that products' factors are of another type than the operands.
func (w *attentionWork) narrow() bool { return w.factor != w.c.Q.DType }

// copies is how many copies of keys or values and of rows like the queries are
// made.
func (w *attentionWork) copies(grad bool) (n struct{ keys, queries int }) {
	if w.narrow() {
		n.keys, n.queries = 2, 1
		if w.sameRows {
			n.keys = 1
		}
		if grad {
			n.queries = 2
		}
	} else if w.c.Values.On() {
		n.keys = 1
	}
	return n
}

// cut says how many samples, heads and queries are worked on at a time. Parts are
// made equal.
func (w *attentionWork) cut(perEntry, perRow int) {
	w.rows = evenly(w.queries, max(w.limits.queries, (w.limits.bytes-perEntry)/perRow))
	entries := max(1, w.limits.bytes/(perEntry+w.rows*perRow))
	w.samples, w.across = evenly(w.batch, max(1, entries/w.heads)), evenly(w.heads, entries)
}

// evenly is the size of parts of n, at most most, that differ least.
func evenly(n, most int) int {
	parts := (n + most - 1) / most
	return (n + parts - 1) / parts
}

func (w *attentionWork) take(grad bool) {
	entries := w.samples * w.across
	room := func(d tensor.DType, n int) scratch {
		s := w.b.scratch(d.Bytes(n))
		w.all = append(w.all, s)
		return s
	}
	plain, scores := w.c.Q.DType, entries*w.rows*w.ld
	w.scores = room(plain, scores)
	w.weights = w.scores
	if grad {
		w.dweights = room(plain, scores)
		w.delta = room(plain, w.batch*w.heads*w.queries)
		w.dscores = w.dweights
	}
	if w.c.Values.On() || w.narrow() && !w.sameRows {
		w.v = room(w.factor, entries*w.keys*w.width)
	}
	if !w.narrow() {
		return
	}
	w.k = room(w.factor, entries*w.keys*w.width)
	w.q = room(w.factor, entries*w.queries*w.width)
	w.weights = room(w.factor, scores)
	if grad {
		w.dscores = room(w.factor, scores)
		w.dout = room(w.factor, entries*w.queries*w.width)
	}
}

func (w *attentionWork) free() {
	for _, s := range w.all {
		w.b.release(s)
	}
}

// sameView tells that two tensors show the same elements.
func sameView(x, y *tensor.Tensor) bool {
	return x.Buf == y.Buf && x.DType == y.DType && x.Offset == y.Offset && slices.Equal(x.Shape, y.Shape) && slices.Equal(x.Strides, y.Strides)
}
