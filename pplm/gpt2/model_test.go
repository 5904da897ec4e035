package gpt2

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/tensor"
)

var dtypes = []tensor.DType{tensor.Float64, tensor.Float32, tensor.BFloat16, tensor.Int8}

// tiny has sizes that fill no vector and no block of int8.
func tiny() Config {
	return Config{Vocabulary: 53, Positions: 90, Width: 36, Layers: 3, Heads: 3, Inner: 70, Eps: 1e-5}
}

// newModel is a tiny model whose numbers are large enough to matter.
func newModel(t *testing.T, b backend.Backend, d tensor.DType) *Model {
	m, err := New(b, d.Compute(), tiny(), 7)
	require.NoError(t, err)
	for i, s := range m.slots() {
		x := s.param.Value
		if len(s.shape) == 1 {
			b.Random(x, backend.Dist{Kind: backend.Normal, A: s.fill, B: 0.3}, tensor.Key{Seed: 8, Site: uint32(i)})
			continue
		}
		if s.conv {
			x = x.Transpose()
		}
		b.Unary(backend.Unary{Kind: backend.Affine, A: 10}, x, x)
	}
	if d != d.Compute() {
		dir := t.TempDir()
		require.NoError(t, m.Save(dir))
		require.NoError(t, m.Free())
		m, err = Open(b, d, dir)
		require.NoError(t, err)
	}
	t.Cleanup(func() { assert.NoError(t, m.Free()) })
	return m
}

// eachModel runs f on a tiny model of each type, and sees that it gives all
// memory back.
func eachModel(t *testing.T, f func(t *testing.T, m *Model)) {
	for _, d := range dtypes {
		t.Run(d.String(), func(t *testing.T) {
			b, err := cpu.New(backend.Config{Threads: 2})
			require.NoError(t, err)
			t.Cleanup(func() {
				assert.Zero(t, b.LiveBytes())
				assert.NoError(t, b.Close())
			})
			f(t, newModel(t, b, d))
		})
	}
}

// exact is the relative difference that the order of additions makes.
func exact(m *Model) float64 {
	if m.DType == tensor.Float64 {
		return 1e-12
	}
	return 1e-5
}

// tokens are ids (rows, batch) without meaning.
func tokens(m *Model, rows, batch int) []int32 {
	ids := make([]int32, rows*batch)
	for i := range ids {
		ids[i] = int32(i*i*31+i*7+3) % int32(m.Config.Vocabulary)
	}
	return ids
}

// read steps ids (rows, batch) from s and returns the logits and the state,
// kept.
func read(t *testing.T, m *Model, s pplm.State, ids []int32, batch int) ([]float64, pplm.State) {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	in := tape.Own(backend.FromSlice(m.Backend, ids, len(ids)/batch, batch))
	logits, hidden, next := m.Step(tape, in, s)
	assert.Equal(t, []int{1, batch, m.Config.Vocabulary}, logits.Shape())
	assert.Equal(t, []int{len(ids) / batch, batch, m.Config.Width}, hidden.Shape())
	out := golden.Read(t, m.Backend, logits.Value)
	return out, next[0].Keep()
}

// rowsOfState are all that a state holds.
func rowsOfState(t *testing.T, m *Model, s pplm.State) (all [][]float64) {
	for _, group := range s.Moving(0, s.Len()) {
		for _, x := range group {
			all = append(all, golden.Read(t, m.Backend, x))
		}
	}
	return all
}

// Tokens read one by one or in pieces leave the same logits and the same state
// as tokens read at once, past several growths of the cache.
func TestCached(t *testing.T) {
	eachModel(t, func(t *testing.T, m *Model) {
		const rows, batch = 75, 2
		ids := tokens(m, rows, batch)
		want, whole := read(t, m, m.Start(batch), ids, batch)
		for _, step := range []int{1, 7, 40} {
			s, got := m.Start(batch), []float64(nil)
			for lo := 0; lo < rows; lo += step {
				got, s = read(t, m, s, ids[lo*batch:min(lo+step, rows)*batch], batch)
			}
			assert.Equal(t, rows, s.Len())
			assert.Equal(t, rows, s.Rows())
			golden.Near(t, want, got, exact(m), "logits")
			states := rowsOfState(t, m, s)
			for i, x := range rowsOfState(t, m, whole) {
				golden.Near(t, x, states[i], exact(m), "state")
			}
			s.Free()
		}
		whole.Free()
	})
}

// Samples of a batch do not see one another, and a copy of one sample makes a
// batch of it.
func TestBatch(t *testing.T) {
	eachModel(t, func(t *testing.T, m *Model) {
		const rows, batch = 9, 3
		ids := tokens(m, rows, batch)
		all, s := read(t, m, m.Start(batch), ids, batch)
		s.Free()
		for k := range batch {
			var own []int32
			for i := range rows {
				own = append(own, ids[i*batch+k])
			}
			v := m.Config.Vocabulary
			got, s := read(t, m, m.Start(1), own, 1)
			golden.Near(t, all[k*v:(k+1)*v], got, exact(m), "one sample")

			next := tokens(m, 1, batch)
			apart, one := read(t, m, s.Copy(1), next[:1], 1)
			both, three := read(t, m, s.Copy(batch), next, batch)
			golden.Near(t, apart, both[:v], exact(m), "a copied sample")
			assert.Equal(t, rows, s.Len(), "copies leave the state alone")
			one.Free()
			three.Free()
			s.Free()
		}
	})
}

// With reads as the same numbers written in place do.
func TestWith(t *testing.T) {
	eachModel(t, func(t *testing.T, m *Model) {
		const batch = 2
		_, s := read(t, m, m.Start(batch), tokens(m, 20, batch), batch)
		for _, span := range [][2]int{{0, 20}, {15, 20}, {0, 5}, {4, 11}} {
			from, to := span[0], span[1]
			written := s.Copy(batch)
			tape := autograd.NewTape(m.Backend)
			var moved [][]*autograd.Var
			for i, group := range written.Moving(from, to) {
				var vars []*autograd.Var
				for k, x := range group {
					noise := backend.New(m.Backend, x.DType, x.Shape...)
					m.Backend.Random(noise, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: uint64(2*i + k)})
					m.Backend.Copy(x, noise)
					vars = append(vars, tape.Own(noise))
				}
				moved = append(moved, vars)
			}
			in := tokens(m, 3, batch)
			logits, _, next := m.Step(tape, tape.Own(backend.FromSlice(m.Backend, in, 3, batch)), s.With(from, to, moved))
			got := golden.Read(t, m.Backend, logits.Value)
			want, written := read(t, m, written, in, batch)
			plain, rest := read(t, m, s.Copy(batch), in, batch)
			rest.Free()
			golden.Near(t, want, got, exact(m), "logits")
			assert.NotEqual(t, plain, got)

			assert.Equal(t, 20, s.Len())
			assert.Equal(t, 23, next[0].Len())
			again := s.Copy(batch) // Keep takes s over
			kept := next[0].Keep()
			tape.Free()
			states := rowsOfState(t, m, kept)
			for i, x := range rowsOfState(t, m, written) {
				golden.Near(t, x, states[i], exact(m), "state")
			}
			kept.Free()
			written.Free()
			s = again
		}
		assert.Same(t, s, s.With(3, 3, nil))
		s.Free()
	})
}

// A look-ahead that is not kept changes nothing; one that is kept brings along
// the Steps before it.
func TestLookAhead(t *testing.T) {
	eachModel(t, func(t *testing.T, m *Model) {
		ids := tokens(m, 12, 1)
		_, s := read(t, m, m.Start(1), ids[:8], 1)
		before := rowsOfState(t, m, s)
		tape := autograd.NewTape(m.Backend)
		defer tape.Free()
		one := func(i int) *autograd.Var { return tape.Own(backend.FromSlice(m.Backend, ids[i:i+1], 1, 1)) }
		_, _, first := m.Step(tape, one(8), s)
		_, _, second := m.Step(tape, one(9), first...)
		_, _, other := m.Step(tape, one(10), first...)
		assert.Equal(t, []int{8, 9, 10, 10}, []int{s.Len(), first[0].Len(), second[0].Len(), other[0].Len()})
		assert.Equal(t, before, rowsOfState(t, m, s))
		assert.Same(t, s, s.Keep(), "no Step made it")

		kept := second[0].Keep()
		want, whole := read(t, m, m.Start(1), ids[:11], 1)
		whole.Free()
		got, kept := read(t, m, kept, ids[10:11], 1)
		golden.Near(t, want, got, exact(m), "logits")
		for op, use := range map[string]func(){
			"Step": func() { m.Step(tape, one(10), s) }, "Moving": func() { s.Moving(0, 1) },
			"Keep": func() { other[0].Keep() }, "Free": s.Free,
		} {
			assert.PanicsWithError(t, "gpt2."+op+": the state was freed, or kept after another step", use)
		}
		kept.Free()
		assert.Panics(t, kept.Free)
	})
}

// The expected embedding of a certain token is the token's.
func TestSoft(t *testing.T) {
	eachModel(t, func(t *testing.T, m *Model) {
		ids := tokens(m, 4, 2)
		want, s := read(t, m, m.Start(2), ids, 2)
		s.Free()
		certain := backend.Zeros(m.Backend, m.Info().DType, 4, 2, m.Config.Vocabulary)
		for i, id := range ids {
			at := certain.Reshape(8, m.Config.Vocabulary).Slice(0, i, i+1).Slice(1, int(id), int(id)+1)
			m.Backend.Fill(at, 1)
		}
		tape := autograd.NewTape(m.Backend)
		defer tape.Free()
		s = m.Start(2)
		logits, _, _ := m.Step(tape, tape.Own(certain), s)
		golden.Near(t, want, golden.Read(t, m.Backend, logits.Value), exact(m), "logits")
		s.Free()
	})
}

// Stored matrices are near those they were rounded from, and not the same.
func TestStored(t *testing.T) {
	logits := map[tensor.DType][]float64{}
	eachModel(t, func(t *testing.T, m *Model) {
		var s pplm.State
		logits[m.DType], s = read(t, m, m.Start(1), tokens(m, 10, 1), 1)
		s.Free()
	})
	for d, tol := range map[tensor.DType]float64{tensor.Float32: 1e-5, tensor.BFloat16: 0.03, tensor.Int8: 0.06} {
		golden.Near(t, logits[tensor.Float64], logits[d], tol, d.String())
		assert.NotEqual(t, logits[tensor.Float64], logits[d])
	}
}

func TestMisuse(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	m := newModel(t, b, tensor.Float32)
	_, s := read(t, m, m.Start(2), tokens(m, 88, 2), 2)
	tape := autograd.NewTape(b)
	defer tape.Free()
	step := func(dtype tensor.DType, shape ...int) func() {
		return func() { m.Step(tape, tape.Own(backend.Zeros(b, dtype, shape...)), s) }
	}
	for _, c := range []struct {
		use  func()
		want string
	}{
		{step(tensor.Int32, 3, 2), "gpt2.Step [3 2]: 88 positions are read already, the model has 90"},
		{step(tensor.Int32, 1, 3), "gpt2.Step [1 3]: want at least one row of a batch of 2"},
		{step(tensor.Int32, 0, 2), "gpt2.Step [0 2]: want at least one row of a batch of 2"},
		{step(tensor.Int32, 2), "gpt2.Step [2]: want ids (T, B) or distributions (T, B, 53)"},
		{step(tensor.Float32, 1, 2, 52), "gpt2.Step [1 2 52]: want ids (T, B) or distributions (T, B, 53)"},
		{func() { s.Moving(0, 89) }, "gpt2.Moving: no rows 0:89 of 88"},
		{func() { s.With(3, 2, nil) }, "gpt2.With: no rows 3:2 of 88"},
		{func() { s.Copy(3) }, "gpt2.Copy: 2 samples cannot become 3"},
		{func() { m.Start(0) }, "gpt2.Start: a batch of 0 samples"},
	} {
		assert.PanicsWithError(t, c.want, c.use)
	}
	_, s = read(t, m, s, tokens(m, 2, 2), 2)
	assert.Equal(t, 90, s.Len(), "the last positions can be read")
	s.Free()
}

func TestNewErrors(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	_, err = New(b, tensor.Int32, tiny(), 1)
	assert.EqualError(t, err, "a model of int32: want float32, float64, bfloat16 or int8")
	_, err = New(b, tensor.Float32, Config{}, 1)
	assert.EqualError(t, err, "model configuration: vocab_size is 0, want 1 to 16777216")
}

func TestInfo(t *testing.T) {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	defer b.Close()
	info := newModel(t, b, tensor.Int8).Info()
	assert.Equal(t, tensor.Float32, info.DType)
	assert.Len(t, info.Hash, 64)
	layer := 4*36 + (36+1)*3*36 + (36+1)*36 + (36+1)*70 + (70+1)*36
	assert.Equal(t, (53+90)*36+3*layer+2*36, info.Parameters)
	info.Hash, info.Name, info.Parameters = "", "", 0
	assert.Equal(t, pplm.Info{Backend: b, DType: tensor.Float32, Width: 36, Vocabulary: 53, Positions: 90}, info)
}
