package autograd_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/tensor"
)

// layers is a stack of two-layer networks with dropout over x (N, H), which
// share their weights.
type layers struct {
	b       *cpu.Backend
	x, w, v *tensor.Tensor // (N, H), (F, H), (H, F)
	depth   int
}

func newLayers(t *testing.T, dtype tensor.DType, depth int) *layers {
	b := openCPU(t)
	draw := func(site uint32, shape ...int) *tensor.Tensor {
		x := backend.New(b, dtype, shape...)
		b.Random(x, backend.Dist{Kind: backend.Normal, B: 0.5}, tensor.Key{Seed: 3, Site: site})
		t.Cleanup(func() { backend.Release(b, x) })
		return x
	}
	return &layers{b, draw(1, 4, 6), draw(2, 9, 6), draw(3, 6, 9), depth}
}

// runner is how a layer is run.
type runner func(f func([]*autograd.Var) []*autograd.Var, in ...*autograd.Var) []*autograd.Var

func plainly(f func([]*autograd.Var) []*autograd.Var, in ...*autograd.Var) []*autograd.Var {
	return f(in)
}

func (l *layers) layer(i int) func([]*autograd.Var) []*autograd.Var {
	return func(in []*autograd.Var) []*autograd.Var {
		t := in[0].Tape()
		u := autograd.GELU(autograd.MatMul(in[0], autograd.Transpose(t.Leaf(l.w))))
		u = autograd.Dropout(u, backend.Dropout{P: 0.3, Key: tensor.Key{Seed: 9, Site: uint32(i)}})
		h := autograd.Add(in[0], autograd.MatMul(u, autograd.Transpose(t.Leaf(l.v))))
		return []*autograd.Var{h, autograd.Tanh(u), autograd.Slice(u, 0, 0, 1), h}
	}
}

// loss runs the layers; only the last one's second result is used.
func (l *layers) loss(t *autograd.Tape, run runner) *autograd.Var {
	h := []*autograd.Var{t.Leaf(l.x)}
	for i := range l.depth {
		h = run(l.layer(i), h[0])
	}
	return autograd.Mean(autograd.Add(autograd.Sum(autograd.Mul(h[0], h[3])), autograd.Sum(h[1])))
}

// gradients are those of x, w and v, and held the memory in use where the
// backward pass begins.
func (l *layers) gradients(t *testing.T, run runner) (grads [][]float64, held int64) {
	before := l.b.LiveBytes()
	tape := autograd.NewTape(l.b, l.x, l.w, l.v)
	for range 2 { // the second time on storage that has been used
		loss := l.loss(tape, run)
		held = l.b.LiveBytes() - before
		found := tape.Grad(loss, tape.Leaf(l.x), tape.Leaf(l.w), tape.Leaf(l.v))
		grads = nil
		for _, g := range found {
			data, err := backend.Data[float64](l.b, g)
			require.NoError(t, err)
			grads = append(grads, data)
		}
		backend.Release(l.b, found...)
		tape.Reset()
		assert.Equal(t, before, l.b.LiveBytes(), "all is given back")
	}
	return grads, held
}

func TestRecomputeGivesTheSameBits(t *testing.T) {
	l := newLayers(t, tensor.Float64, 4)
	want, plain := l.gradients(t, plainly)
	got, held := l.gradients(t, autograd.Recompute)
	assert.Equal(t, want, got)
	assert.Less(t, held, plain*2/3)

	// A Recompute of all layers, each of which is one.
	nested := func(f func([]*autograd.Var) []*autograd.Var, in ...*autograd.Var) []*autograd.Var {
		return autograd.Recompute(func(in []*autograd.Var) []*autograd.Var { return autograd.Recompute(f, in...) }, in...)
	}
	got, _ = l.gradients(t, nested)
	assert.Equal(t, want, got)
}

func TestRecomputeGradient(t *testing.T) {
	l := newLayers(t, tensor.Float64, 2)
	f := func(t *autograd.Tape) *autograd.Var { return l.loss(t, autograd.Recompute) }
	assert.NoError(t, gradcheck.Func(l.b, f, l.x, l.w, l.v))
}

// What is not asked for, or what the loss does not depend on, has no gradient.
func TestRecomputeOnlyAlongPaths(t *testing.T) {
	b := openCPU(t)
	x, w, beside := backend.FromSlice(b, []float64{2, 3}, 2), backend.FromSlice(b, []float64{5, 7}, 2), backend.FromSlice(b, []float64{1, 1}, 2)
	defer backend.Release(b, x, w, beside)
	runs := 0
	f := func(in []*autograd.Var) []*autograd.Var {
		runs++
		t := in[0].Tape()
		return []*autograd.Var{autograd.Mul(in[0], t.Leaf(w)), autograd.Exp(t.Leaf(beside)), in[1]}
	}
	tape := autograd.NewTape(b, x, w, beside)
	v := tape.Leaf(x)
	out := autograd.Recompute(f, v, autograd.Detach(v))
	assert.False(t, out[2].Tracked())
	g := tape.Grad(autograd.Sum(autograd.Add(out[0], out[2])), v, tape.Leaf(w), tape.Leaf(beside))
	wantData(t, b, []float64{5, 7}, g[0])
	wantData(t, b, []float64{2, 3}, g[1])
	assert.Nil(t, g[2], "the loss does not use what depends on it")
	assert.Equal(t, 2, runs)
	backend.Release(b, g...)
	tape.Reset()

	autograd.Recompute(f, tape.Leaf(x), tape.Leaf(w))
	backend.Release(b, tape.Grad(autograd.Sum(tape.Leaf(x)), tape.Leaf(x))...)
	assert.Equal(t, 3, runs, "the loss does not need it")
	tape.Reset()

	free := autograd.NewTape(b)
	defer free.Free()
	out = autograd.Recompute(f, free.Leaf(x), free.Leaf(w))
	assert.False(t, out[0].Tracked())
	wantData(t, b, []float64{10, 21}, out[0].Value)
}

// Values that were taken off the tape stay, and what f made before it panicked
// goes.
func TestRecomputeMemory(t *testing.T) {
	b := openCPU(t)
	x := backend.FromSlice(b, []float64{2, 3}, 2)
	defer backend.Release(b, x)
	before := b.LiveBytes()
	tape := autograd.NewTape(b, x)
	out := autograd.Recompute(func(in []*autograd.Var) []*autograd.Var {
		return []*autograd.Var{autograd.Exp(in[0]), autograd.Scale(in[0], 3)}
	}, tape.Leaf(x))
	kept := autograd.Keep(out[1])
	backend.Release(b, tape.Grad(autograd.Sum(out[0]), tape.Leaf(x))...)
	tape.Free()
	wantData(t, b, []float64{6, 9}, kept)
	backend.Release(b, kept)
	assert.Equal(t, before, b.LiveBytes())

	tape = autograd.NewTape(b, x)
	assert.Panics(t, func() {
		autograd.Recompute(func(in []*autograd.Var) []*autograd.Var {
			return []*autograd.Var{autograd.MatMul(autograd.Exp(in[0]), in[0])}
		}, tape.Leaf(x))
	})
	assert.Panics(t, func() {
		outside := tape.Leaf(x)
		autograd.Recompute(func(in []*autograd.Var) []*autograd.Var {
			return []*autograd.Var{autograd.Add(in[0], outside)}
		}, outside)
	}, "a variable of the outer tape")
	tape.Free()
	assert.Equal(t, before, b.LiveBytes())
	assert.Panics(t, func() { autograd.Recompute(plainResult, tape.Leaf(x)) }, "the tape is spent")
}

func plainResult(in []*autograd.Var) []*autograd.Var { return in }
