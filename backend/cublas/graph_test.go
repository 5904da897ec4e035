//go:build cgo && linux

package cublas

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/sim"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// decoding is a little model that decodes: queries and keys by products, attention
// over a cache that grows, and logits.
type decoding struct {
	b             *Backend
	query, keys   *tensor.Tensor // (H, H)
	cache         *tensor.Tensor // (capacity, 1, H)
	rows          int
	last          []float32 // logits of the token before
	width, panics int       // panics: the token at which a step does
}

func newDecoding(b *Backend) *decoding {
	d := &decoding{b: b, width: 8, panics: -1}
	d.query, d.keys = d.matrix(1), d.matrix(2)
	d.cache = backend.New(b, tensor.Float32, 4, 1, d.width)
	d.last = make([]float32, d.width)
	d.last[0] = 1
	return d
}

func (d *decoding) matrix(seed int) *tensor.Tensor {
	x := make([]float32, d.width*d.width)
	for i := range x {
		x[i] = float32((i*i*7+seed*i)%13-6) / 10
	}
	return backend.FromSlice(d.b, x, d.width, d.width)
}

func (d *decoding) free() { backend.Release(d.b, d.query, d.keys, d.cache) }

// heads shows rows (n, 1, H) as (1, 2, n, H/2).
func heads(x *tensor.Tensor) *tensor.Tensor {
	n, h := x.Shape[0], x.Shape[2]
	return x.Reshape(n, 1, 2, h/2).Permute(1, 2, 0, 3)
}

// token feeds the logits of the last token and returns those of the next.
func (d *decoding) token(t *testing.T, run func(f func())) []float32 {
	var temporary []*tensor.Tensor
	room := func(shape ...int) *tensor.Tensor {
		x := backend.New(d.b, tensor.Float32, shape...)
		temporary = append(temporary, x)
		return x
	}
	var logits *tensor.Tensor
	defer func() { backend.Release(d.b, temporary...) }()
	run(func() {
		x := room(1, 1, d.width)
		require.NoError(t, d.b.Write(x, tensor.Bytes(d.last)))
		if d.rows == d.cache.Shape[0] {
			grown := backend.New(d.b, tensor.Float32, 2*d.rows, 1, d.width)
			d.b.Copy(grown.Slice(0, 0, d.rows), d.cache)
			d.b.Free(d.cache.Buf)
			d.cache = grown
		}
		q, mix, lse := room(1, 1, d.width), room(1, 1, d.width), room(1, 2, 1)
		d.b.MatMul(q, x, d.query, false)
		d.b.MatMul(d.cache.Slice(0, d.rows, d.rows+1), x, d.keys, false)
		if d.panics == d.rows {
			panic(&tensor.Error{Op: "a step"})
		}
		d.rows++
		rows := heads(d.cache.Slice(0, 0, d.rows))
		pieces := []*tensor.Tensor{rows.Slice(2, 0, d.rows-1), rows.Slice(2, d.rows-1, d.rows)}
		d.b.Attention(&backend.AttentionCall{Q: heads(q), K: pieces, V: pieces, Scale: 0.5, Out: heads(mix), LSE: lse})
		logits = room(1, 1, d.width)
		d.b.Softmax(logits, mix, false)
	})
	got, err := backend.Data[float32](d.b, logits)
	require.NoError(t, err)
	d.last = got
	return got
}

func plainly(f func()) { f() }

// decoded is what a decoding makes of so many tokens.
func decoded(t *testing.T, b *Backend, tokens int, run func(f func())) (all [][]float32) {
	d := newDecoding(b)
	defer d.free()
	for range tokens {
		all = append(all, d.token(t, run))
	}
	return all
}

// graphed opens a backend on a simulator that can be told to fail.
func graphed(t *testing.T) (*sim.Machine, *Backend) {
	m, driver := simulated(t)
	b, err := start(driver, backend.Config{})
	require.NoError(t, err)
	return m, b
}

// closed closes a backend, of which nothing may be left.
func closed(t *testing.T, m *sim.Machine, b *Backend) {
	assert.Zero(t, b.LiveBytes())
	require.NoError(t, b.Close())
	assert.Empty(t, m.Leaks())
}

func TestGraphSameBits(t *testing.T) {
	m, b := graphed(t)
	want := decoded(t, b, 20, plainly)
	require.Zero(t, m.Calls(sim.GraphLaunch))
	assert.Equal(t, want, decoded(t, b, 20, b.Graph))
	assert.GreaterOrEqual(t, m.Calls(sim.GraphLaunch), 19)
	assert.LessOrEqual(t, m.Calls(sim.Instantiate), 4, "most tokens have the form of one before")
	assert.Zero(t, m.Live(sim.Graphs))
	closed(t, m, b)
}

// Where there is no capturing f runs plainly.
func TestGraphWithoutCapture(t *testing.T) {
	m, b := graphed(t)
	want := decoded(t, b, 6, plainly)
	assert.Equal(t, want, decoded(t, b, 6, func(f func()) {
		m.Fail(sim.Capture, 1, cuStreamCaptureUnsupported)
		b.Graph(f)
	}))
	assert.Zero(t, m.Calls(sim.GraphLaunch))
	closed(t, m, b)
}

// Statuses of the driver.
const (
	cuOutOfMemory              = 2
	cuStreamCaptureUnsupported = 900
)

// writes is a graph of so many writes to x, the last of which stays.
func writes(t *testing.T, b *Backend, x *tensor.Tensor, n int) {
	b.Graph(func() {
		for i := range n {
			require.NoError(t, b.Write(x, tensor.Bytes([]float32{float32(i), 1})))
		}
	})
	got, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	require.Equal(t, []float32{float32(n - 1), 1}, got)
}

// Graphs that are kept make room for one that finds none.
func TestGraphWithoutMemory(t *testing.T) {
	m, b := graphed(t)
	x := backend.New(b, tensor.Float32, 2)
	writes(t, b, x, 1)
	writes(t, b, x, 2)
	m.Fail(sim.Instantiate, 1, cuOutOfMemory)
	writes(t, b, x, 3)
	assert.Equal(t, 2, m.Live(sim.Executables))
	backend.Release(b, x)
	closed(t, m, b)
}

// A graph that cannot be had at all is a fault.
func TestGraphFault(t *testing.T) {
	for _, call := range []sim.Call{sim.Instantiate, sim.GraphLaunch} {
		m, b := graphed(t)
		x := backend.New(b, tensor.Float32, 2)
		m.Fail(call, 1, cuOutOfMemory)
		b.Graph(func() { require.NoError(t, b.Write(x, tensor.Bytes([]float32{1, 2}))) })
		_, err := backend.Data[float32](b, x)
		assert.ErrorContains(t, err, "running a graph")
		backend.Release(b, x)
		assert.ErrorContains(t, b.Close(), "running a graph")
		assert.Empty(t, m.Leaks())
	}
}

// A panic leaves a usable backend, and what was asked for before is done.
func TestGraphPanic(t *testing.T) {
	m, b := graphed(t)
	want := decoded(t, b, 6, plainly)
	d := newDecoding(b)
	for i := range want {
		if i == 4 {
			d.panics = i
			assert.Panics(t, func() { d.token(t, b.Graph) })
			d.panics = -1
			assert.False(t, b.graphs.capturing)
		}
		assert.Equal(t, want[i], d.token(t, b.Graph))
	}
	d.free()
	closed(t, m, b)
}

// Who reads ends the capture, and sees what was asked for before.
func TestGraphRead(t *testing.T) {
	m, b := graphed(t)
	x := backend.New(b, tensor.Float32, 3)
	for i := range 3 {
		b.Graph(func() {
			want := []float32{1, float32(i), 3}
			require.NoError(t, b.Write(x, tensor.Bytes(want)))
			got, err := backend.Data[float32](b, x)
			require.NoError(t, err)
			assert.Equal(t, want, got)
			want[2] = 4
			require.NoError(t, b.Write(x, tensor.Bytes(want)))
		})
		got, err := backend.Data[float32](b, x)
		require.NoError(t, err)
		assert.Equal(t, []float32{1, float32(i), 4}, got)
	}
	backend.Release(b, x)
	closed(t, m, b)
}

// The first run of a kernel, and the first product of a form, are not captured.
func TestGraphFirstTime(t *testing.T) {
	m, b := graphed(t)
	x, y := backend.Zeros(b, tensor.Float32, 4, 4), backend.New(b, tensor.Float32, 4, 4)
	for _, f := range []func(){
		func() { b.Softmax(y, x, false) },
		func() { b.MatMul(y, x, x, false) },
		func() { b.MatMul(y, x, x.Transpose(), false) },
	} {
		for i := range 3 {
			b.Graph(func() {
				require.True(t, b.graphs.capturing)
				f()
				assert.Equal(t, i > 0, b.graphs.capturing)
			})
		}
	}
	backend.Release(b, x, y)
	closed(t, m, b)
}

// Writes that are more than the staging memory has room for are not lost.
func TestGraphLongWrites(t *testing.T) {
	m, b := graphed(t)
	const n = (stageParts + 1) * stagePart / 4
	x, y := backend.New(b, tensor.Float32, n), backend.New(b, tensor.Float32, 1)
	long := make([]float32, n)
	for i := range long {
		long[i] = float32(i % 1000)
	}
	for range 2 {
		b.Graph(func() {
			require.NoError(t, b.Write(y, tensor.Bytes([]float32{5})))
			require.NoError(t, b.Write(x, tensor.Bytes(long)))
		})
		got, err := backend.Data[float32](b, x)
		require.NoError(t, err)
		require.Equal(t, long, got)
		got, err = backend.Data[float32](b, y)
		require.NoError(t, err)
		assert.Equal(t, []float32{5}, got)
	}
	backend.Release(b, x, y)
	closed(t, m, b)
}

// Memory that a graph still to be run needs is not given back to the driver.
func TestGraphMemory(t *testing.T) {
	m, b := graphed(t)
	const n = 1 << 20
	long := make([]float32, n)
	long[n-1] = 7
	x, y := backend.New(b, tensor.Float32, 1), backend.New(b, tensor.Float32, n)
	m.Limit(m.Bytes().Live + 4*n + 4096)
	b.Graph(func() {
		temporary := backend.New(b, tensor.Float32, n)
		require.NoError(t, b.Write(temporary, tensor.Bytes(long)))
		b.Copy(x, temporary.Slice(0, n-1, n))
		backend.Release(b, temporary)
		backend.Release(b, y)
		y = backend.New(b, tensor.Float32, n+n/2)
	})
	got, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	assert.Equal(t, []float32{7}, got)
	backend.Release(b, x, y)
	closed(t, m, b)
}

// The form that was not used for longest is forgotten.
func TestGraphForms(t *testing.T) {
	m, b := graphed(t)
	x := backend.New(b, tensor.Float32, 2)
	for n := range mostGraphs {
		writes(t, b, x, n+1)
	}
	writes(t, b, x, 1)
	require.Equal(t, mostGraphs, m.Calls(sim.Instantiate))
	writes(t, b, x, mostGraphs+1)
	assert.Equal(t, mostGraphs, m.Live(sim.Executables))
	writes(t, b, x, 1)
	assert.Equal(t, mostGraphs+1, m.Calls(sim.Instantiate), "the form used last but one is known")
	writes(t, b, x, 2)
	assert.Equal(t, mostGraphs+2, m.Calls(sim.Instantiate), "that of longest ago is not")
	backend.Release(b, x)
	closed(t, m, b)
}

// Forms of as many kernels are told apart.
func TestGraphKernels(t *testing.T) {
	m, b := graphed(t)
	x, y := backend.Zeros(b, tensor.Float32, 4, 4), backend.New(b, tensor.Float32, 4, 4)
	for i := range 6 {
		b.Graph(func() { b.Softmax(y, x, i%2 == 1) })
		b.Graph(func() { b.Unary(backend.Unary{Kind: backend.Exp}, y, x) })
	}
	assert.LessOrEqual(t, m.Calls(sim.Instantiate), 4)
	backend.Release(b, x, y)
	closed(t, m, b)
}

// ungraphed is a backend whose graphs are none.
type ungraphed struct{ *Backend }

func (ungraphed) Graph(f func()) { f() }

// A text is the same whether its steps are graphs or not.
func TestGraphSampling(t *testing.T) {
	m, b := graphed(t)
	text := func(b backend.Backend) (all []int32) {
		model, err := sharnn.New(b, tensor.Float32, sharnn.Config{
			Symbols: 20, Width: 8, Hidden: 16, Layers: 2, Attention: []int{1}, Heads: 1, Memory: 12,
		}, 1)
		require.NoError(t, err)
		defer model.Free()
		s, err := sharnn.NewSampler(model, sharnn.Sampling{Temperature: 1, TopP: 1, Seed: 3})
		require.NoError(t, err)
		defer s.Free()
		require.NoError(t, s.Feed(t.Context(), []int32{1, 2, 3}))
		for range 20 {
			id, err := s.Next()
			require.NoError(t, err)
			all = append(all, id)
		}
		return all
	}
	want := text(ungraphed{b})
	require.Zero(t, m.Calls(sim.GraphLaunch))
	assert.Equal(t, want, text(b))
	assert.GreaterOrEqual(t, m.Calls(sim.GraphLaunch), 18)
	assert.LessOrEqual(t, m.Calls(sim.Instantiate), 4)
	closed(t, m, b)
}

// So is a text that is steered.
func TestGraphSteering(t *testing.T) {
	m, b := graphed(t)
	how := pplm.Default()
	how.Iterations, how.TopK, how.Sample = 3, 5, true
	bag := &pplm.Bag{Name: "few", Words: []pplm.Word{{Text: "a", Tokens: []int32{4}, Times: 1}, {Text: "b", Tokens: []int32{9}, Times: 1}}}
	request := pplm.Request{Prompt: []int32{1, 2, 3}, Length: 8, Samples: 2, Seed: 5, Attributes: []pplm.Attribute{bag}, Settings: how}
	text := func(b backend.Backend) (all []pplm.Token) {
		model, err := gpt2.New(b, tensor.Float32, gpt2.Config{Vocabulary: 30, Positions: 32, Width: 16, Layers: 2, Heads: 2, Eps: 1e-5}, 1)
		require.NoError(t, err)
		defer func() { require.NoError(t, model.Free()) }()
		_, err = pplm.Generate(t.Context(), model, request, func(token *pplm.Token) error {
			kept := *token
			kept.Distribution = slices.Clone(token.Distribution)
			all = append(all, kept)
			return nil
		})
		require.NoError(t, err)
		return all
	}
	want := text(ungraphed{b})
	require.Zero(t, m.Calls(sim.GraphLaunch))
	assert.Equal(t, want, text(b))
	assert.GreaterOrEqual(t, m.Calls(sim.GraphLaunch), 60)
	assert.LessOrEqual(t, m.Calls(sim.Instantiate), 12)
	closed(t, m, b)
}

func TestGraphWithin(t *testing.T) {
	m, b := graphed(t)
	want := decoded(t, b, 6, plainly)
	assert.Equal(t, want, decoded(t, b, 6, func(f func()) { b.Graph(func() { b.Graph(f) }) }))
	closed(t, m, b)
}

// Several goroutines may decode at a time.
func TestGraphTogether(t *testing.T) {
	m, b := graphed(t)
	want := decoded(t, b, 20, plainly)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { assert.Equal(t, want, decoded(t, b, 20, b.Graph)) })
	}
	wg.Wait()
	closed(t, m, b)
}
