package shalm

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// configs are models with attention in one block, in all, and in none, with
// memories shorter than the texts of the tests.
var configs = map[string]sharnn.Config{
	"one":       {Symbols: 23, Width: 16, Hidden: 32, Layers: 3, Attention: []int{1}, Heads: 1, Memory: 7},
	"all":       {Symbols: 23, Width: 16, Hidden: 32, Layers: 2, Attention: []int{0, 1}, Heads: 2, Memory: 11},
	"none":      {Symbols: 23, Width: 16, Hidden: 32, Layers: 2, Heads: 1},
	"no memory": {Symbols: 23, Width: 16, Hidden: 32, Layers: 2, Attention: []int{0}, Heads: 1},
}

func each(t *testing.T, f func(t *testing.T, l *LM)) {
	for name, c := range configs {
		t.Run(name, func(t *testing.T) {
			b, err := backend.Open("cpu", backend.Config{Threads: 2})
			require.NoError(t, err)
			m, err := sharnn.New(b, tensor.Float64, c, 3)
			require.NoError(t, err)
			l, err := New(m, name)
			require.NoError(t, err)
			f(t, l)
			m.Free()
			assert.Zero(t, b.(interface{ LiveBytes() int64 }).LiveBytes(), "bytes kept")
			require.NoError(t, b.Close())
		})
	}
}

// ids are n symbols for each of batch samples, row by row.
func ids(n, batch int) []int32 {
	out := make([]int32, n*batch)
	for i := range out {
		out[i] = int32((i*i + 3*i + i%batch) % 23)
	}
	return out
}

// read steps over rows and keeps them; it gives the logits (B, V).
func read(t *testing.T, l *LM, s pplm.State, rows []int32, batch int) ([]float64, pplm.State) {
	b := l.info.Backend
	tape := autograd.NewTape(b)
	defer tape.Free()
	logits, _, next := l.Step(tape, tape.Own(backend.FromSlice(b, rows, len(rows)/batch, batch)), s)
	out, err := backend.Data[float64](b, logits.Value)
	require.NoError(t, err)
	return out, next[0].Keep()
}

// TestStepIsTheModel compares with package sharnn's own way through a text.
func TestStepIsTheModel(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		const batch = 2
		text, b := ids(40, batch), l.info.Backend
		s, want := l.Start(batch), l.Model.NewState(batch)
		for at := 0; at < 40; {
			n := min(1+at%5, 40-at)
			rows := text[at*batch : (at+n)*batch]
			var got []float64
			got, s = read(t, l, s, rows, batch)
			tape := autograd.NewTape(b)
			h, next := l.Model.Run(l.Model.Embed(tape.Own(backend.FromSlice(b, rows, n, batch)), nil), want.Carry(tape, n), nil)
			logits, err := backend.Data[float64](b, l.Model.Logits(autograd.Slice(h, 0, n-1, n)).Value)
			require.NoError(t, err)
			want.Advance(next)
			tape.Free()
			assert.InDeltaSlice(t, logits, got, 1e-12, "at %d", at)
			at += n
			assert.Equal(t, at, s.Len())
		}
		assert.Equal(t, l.Model.Config.Memory, s.Rows())
		s.Free()
		want.Free()
	})
}

func TestBatchIsItsSamples(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		const batch = 3
		text := ids(12, batch)
		all, s := read(t, l, l.Start(batch), text, batch)
		s.Free()
		for i := range batch {
			var own []int32
			for at := i; at < len(text); at += batch {
				own = append(own, text[at])
			}
			one, s := read(t, l, l.Start(1), own, 1)
			assert.InDeltaSlice(t, one, all[i*23:(i+1)*23], 1e-12)
			s.Free()
		}
	})
}

// TestSoftTokens feeds distributions that are certain.
func TestSoftTokens(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		b := l.info.Backend
		hard, s := read(t, l, l.Start(1), []int32{4}, 1)
		s.Free()
		tape := autograd.NewTape(b)
		certain := make([]float64, 23)
		certain[4] = 1
		at := l.Start(1)
		logits, _, _ := l.Step(tape, tape.Own(backend.FromSlice(b, certain, 1, 1, 23)), at)
		soft, err := backend.Data[float64](b, logits.Value)
		require.NoError(t, err)
		assert.InDeltaSlice(t, hard, soft, 1e-12)
		tape.Free()
		at.Free()
	})
}

// TestLookAhead steps twice on one tape without keeping, which leaves the state
// as it was, and compares with steps that are kept.
func TestLookAhead(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		b := l.info.Backend
		text := ids(12, 1)
		_, s := read(t, l, l.Start(1), text[:9], 1)
		tape := autograd.NewTape(b)
		var last *autograd.Var
		ahead := []pplm.State{s}
		for _, id := range text[9:11] {
			last, _, ahead = l.Step(tape, tape.Own(backend.FromSlice(b, []int32{id}, 1, 1)), ahead...)
		}
		far, err := backend.Data[float64](b, last.Value)
		require.NoError(t, err)
		assert.Equal(t, 11, ahead[0].Len())
		tape.Free()
		assert.Equal(t, 9, s.Len())
		_, s = read(t, l, s, text[9:10], 1)
		near, s := read(t, l, s, text[10:11], 1)
		assert.InDeltaSlice(t, near, far, 1e-12)
		s.Free()
	})
}

// TestWithIsWriting compares a state whose parts are replaced with one that is
// written, and a copy with its original.
func TestWithIsWriting(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		b := l.info.Backend
		_, one := read(t, l, l.Start(1), ids(9, 1), 1)
		s := one.Copy(2)
		one.Free()
		from, to := min(1, s.Rows()), min(4, s.Rows())
		tape := autograd.NewTape(b)
		var moved [][]*autograd.Var
		for _, group := range s.Moving(from, to) {
			var vars []*autograd.Var
			for _, x := range group {
				vars = append(vars, autograd.Scale(tape.Leaf(x), 1.5))
			}
			moved = append(moved, vars)
		}
		logits, _, next := l.Step(tape, tape.Own(backend.FromSlice(b, []int32{5, 6}, 1, 2)), s.With(from, to, moved))
		got, err := backend.Data[float64](b, logits.Value)
		require.NoError(t, err)
		written := s.Copy(2)
		for _, group := range written.Moving(from, to) {
			for _, x := range group {
				b.Unary(backend.Unary{Kind: backend.Affine, A: 1.5}, x, x)
			}
		}
		want, written := read(t, l, written, []int32{5, 6}, 2)
		assert.InDeltaSlice(t, want, got, 1e-12)
		kept := next[0].Keep()
		tape.Free()
		want, written = read(t, l, written, []int32{7, 8}, 2)
		got, kept = read(t, l, kept, []int32{7, 8}, 2)
		assert.InDeltaSlice(t, want, got, 1e-12, "what was moved is kept")
		written.Free()
		kept.Free()
	})
}

func TestMisuse(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		assert.Panics(t, func() { l.Start(0) })
		_, s := read(t, l, l.Start(1), []int32{1}, 1)
		assert.Panics(t, func() { s.Moving(0, 2) })
		assert.Panics(t, func() { read(t, l, s, []int32{1, 2, 3}, 3) })
		s.Free()
		assert.Panics(t, func() { s.Free() })
		assert.Panics(t, func() { s.Copy(1) })
	})
}

// TestSteers runs the whole of package pplm: steering by h, c and memory makes a
// bag's words more frequent, and looks ahead for a discriminator.
func TestSteers(t *testing.T) {
	each(t, func(t *testing.T, l *LM) {
		bag, err := pplm.NewBag("some", []string{"a", "b", "c"}, func(word string) []int32 { return []int32{int32(word[len(word)-1] - 'a')} })
		require.NoError(t, err)
		w := l.Model.Encoder.Weight.Value // too small at first for the state to tell symbols apart
		l.info.Backend.Unary(backend.Unary{Kind: backend.Affine, A: 30}, w, w)
		share := func(iterations int) float64 {
			how := pplm.Default()
			how.Iterations, how.StepSize, how.Window, how.Sample, how.TopK = iterations, 0.5, 5, true, 0
			samples, err := pplm.Generate(context.Background(), l, pplm.Request{
				Prompt: []int32{20, 21}, Length: 30, Samples: 6, Seed: 5, Attributes: []pplm.Attribute{bag}, Settings: how,
			}, nil)
			require.NoError(t, err)
			n := 0
			for _, sample := range samples {
				for _, id := range sample.Tokens {
					if id < 3 {
						n++
					}
				}
			}
			return float64(n) / 180
		}
		plain, steered := share(0), share(3)
		t.Logf("share of the bag: %.3f, steered %.3f", plain, steered)
		assert.Greater(t, steered, plain+0.05)
	})
}
