//go:build cgo && linux

package cublas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/internal/sim"
	"github.com/tiller-ml/tiller/tensor"
)

// lstmCase is a shape, with what there is and what is wanted of gradients.
type lstmCase struct {
	T, B, I, H       int
	absent, unwanted string // letters of lstmNames
}

func (c lstmCase) String() string {
	return fmt.Sprintf("T%d_B%d_I%d_H%d_without_%s_%s", c.T, c.B, c.I, c.H, c.absent, c.unwanted)
}

// lstmRun is an LSTM with operands of a backend; each gradient has a letter.
type lstmRun struct {
	b     backend.Backend
	c     *backend.LSTMCall
	g     *backend.LSTMGrads
	all   []*tensor.Tensor
	names []string
	want  []*tensor.Tensor
}

func (r *lstmRun) put(random *rand.Rand, scale float64, shape ...int) *tensor.Tensor {
	numbers := make([]float32, tensor.Size(shape))
	for i := range numbers {
		numbers[i] = float32(random.NormFloat64() * scale)
	}
	x := backend.FromSlice(r.b, numbers, shape...)
	r.all = append(r.all, x)
	return x
}

func (r *lstmRun) out(name string, shape ...int) *tensor.Tensor {
	numbers := make([]float32, tensor.Size(shape))
	for i := range numbers {
		numbers[i] = float32(math.NaN())
	}
	x := backend.FromSlice(r.b, numbers, shape...)
	r.all, r.want, r.names = append(r.all, x), append(r.want, x), append(r.names, name)
	return x
}

// newLSTMRun fills operands with the same numbers for each backend, and results
// with numbers that do not stay.
func newLSTMRun(b backend.Backend, c lstmCase) *lstmRun {
	random := rand.New(rand.NewPCG(1, 2))
	r := &lstmRun{b: b}
	T, B, I, H := c.T, c.B, c.I, c.H
	w := 1 / math.Sqrt(float64(H))
	r.c = &backend.LSTMCall{
		X: r.put(random, 1, T, B, I), H0: r.put(random, 0.5, B, H), C0: r.put(random, 1, B, H),
		Wih: r.put(random, w, 4*H, I), Whh: r.put(random, w, 4*H, H), Bih: r.put(random, 0.3, 4*H), Bhh: r.put(random, 0.3, 4*H),
	}
	given := func(letter rune, shape ...int) *tensor.Tensor {
		x := r.put(random, 1, shape...)
		if has(c.absent, letter) {
			return nil
		}
		return x
	}
	wanted := func(letter rune, name string, shape ...int) *tensor.Tensor {
		if has(c.unwanted, letter) {
			return nil
		}
		return r.out(name, shape...)
	}
	r.c.Y, r.c.HN, r.c.CN = r.out("Y", T, B, H), r.out("HN", B, H), r.out("CN", B, H)
	r.c.Gates = backend.New(b, inner(b), T, B, 4*H)
	r.c.Cells = backend.New(b, tensor.Float32, T, B, H)
	r.all = append(r.all, r.c.Gates, r.c.Cells)
	r.g = &backend.LSTMGrads{
		DY: given('y', T, B, H), DHN: given('h', B, H), DCN: given('c', B, H),
		DX: wanted('x', "DX", T, B, I), DH0: wanted('h', "DH0", B, H), DC0: wanted('c', "DC0", B, H),
		DWih: wanted('i', "DWih", 4*H, I), DWhh: wanted('r', "DWhh", 4*H, H), DBias: wanted('b', "DBias", 4*H),
	}
	return r
}

func has(letters string, letter rune) bool {
	for _, l := range letters {
		if l == letter {
			return true
		}
	}
	return false
}

func inner(b backend.Backend) tensor.DType {
	if in, ok := b.(backend.Inner); ok {
		return in.Inner(tensor.Float32)
	}
	return tensor.Float32
}

// run computes and returns the results; nothing is left on the backend.
func (r *lstmRun) run(t *testing.T) [][]float32 {
	l := r.b.(backend.LSTMer)
	l.LSTM(r.c)
	l.LSTMGrad(r.c, r.g)
	return r.results(t)
}

func (r *lstmRun) results(t *testing.T) [][]float32 {
	var out [][]float32
	for _, x := range r.want {
		numbers, err := backend.Data[float32](r.b, x)
		require.NoError(t, err)
		out = append(out, numbers)
	}
	backend.Release(r.b, r.all...)
	return out
}

// oracle is the same on the CPU.
func oracle(t *testing.T, c lstmCase) [][]float32 {
	b, err := cpu.New(backend.Config{Threads: 1})
	require.NoError(t, err)
	defer b.Close()
	return newLSTMRun(b, c).run(t)
}

// nearLSTM compares results by the norm of their difference over their own.
func nearLSTM(t *testing.T, names []string, want, got [][]float32, tolerance float64) {
	t.Helper()
	for i, name := range names {
		var difference, norm float64
		for j, w := range want[i] {
			d := float64(got[i][j]) - float64(w)
			difference += d * d
			norm += float64(w) * float64(w)
		}
		assert.True(t, math.Sqrt(difference) <= tolerance*math.Sqrt(norm), "%s differs by %g of %g", name, math.Sqrt(difference), math.Sqrt(norm))
	}
}

// force makes the backend take a route.
func force(b *Backend, route lstmRoute) *Backend {
	b.lstms.forced = route
	return b
}

var lstmCases = []lstmCase{
	{T: 1, B: 3, I: 5, H: 64},
	{T: 2, B: 1, I: 32, H: 64},
	{T: 5, B: 16, I: 24, H: 64},
	{T: 4, B: 9, I: 70, H: 128},
	{T: 3, B: 17, I: 16, H: 96, absent: "y"},
	{T: 3, B: 33, I: 16, H: 32, absent: "hc"},
	{T: 3, B: 64, I: 16, H: 64, unwanted: "xhc"},
	{T: 6, B: 4, I: 16, H: 64, absent: "c", unwanted: "irb"},
	{T: 4, B: 2, I: 8, H: 192, absent: "yc", unwanted: "hr"},
	{T: 3, B: 2, I: 8, H: 64, absent: "yhc", unwanted: "c"},
}

// Some shapes with a longer inner dimension.
var longLSTMCases = []lstmCase{
	{T: 3, B: 3, I: 8, H: 192},
	{T: 3, B: 20, I: 8, H: 128},
	{T: 3, B: 40, I: 8, H: 96},
}

// Some shapes for blocks of 16 units, all sizes of batch.
var wideLSTMCases = []lstmCase{
	{T: 4, B: 5, I: 8, H: 64},
	{T: 3, B: 16, I: 8, H: 128, unwanted: "h"},
	{T: 4, B: 31, I: 8, H: 64, absent: "h"},
	{T: 3, B: 50, I: 8, H: 64},
}

// Each route gives the CPU's results, but for what its precision rounds.
func TestLSTMRoutes(t *testing.T) {
	for _, of := range []struct {
		route     lstmRoute
		precision backend.Precision
		units     []int
		warps     int
		cases     []lstmCase
		tolerance float64
	}{
		{stepLSTM, backend.Full, nil, 0, lstmCases, 1e-6},
		{stepLSTM, backend.BF16, nil, 0, lstmCases, 1e-2},
		{cudnnLSTM, backend.Full, nil, 0, lstmCases, 1e-6},
		{cudnnLSTM, backend.TF32, nil, 0, lstmCases, 1e-6}, // the simulator does not round
		{cudnnLSTM, backend.BF16, nil, 0, lstmCases, 1e-2},
		{persistentLSTM, backend.BF16, []int{8}, 8, lstmCases, 1e-2},
		{persistentLSTM, backend.BF16, []int{16}, 8, wideLSTMCases, 1e-2},
		// With few warps each has more than it loads ahead.
		{persistentLSTM, backend.BF16, []int{8}, 1, longLSTMCases, 1e-2},
		{persistentLSTM, backend.BF16, []int{8}, 2, longLSTMCases, 1e-2},
		{persistentLSTM, backend.BF16, []int{16}, 1, wideLSTMCases, 1e-2},
	} {
		t.Run(fmt.Sprint(of.route, " ", precisionNames[of.precision], of.units, of.warps), func(t *testing.T) {
			b := force(openWith(t, backend.Config{Precision: of.precision}), of.route)
			b.lstms.units, b.lstms.warps = of.units, of.warps
			for _, c := range of.cases {
				t.Run(c.String(), func(t *testing.T) {
					r := newLSTMRun(b, c)
					b.LSTM(r.c)
					assert.Equal(t, of.route, b.storage(r.c.Gates).lstm)
					nearLSTM(t, r.names, oracle(t, c), r.run(t), of.tolerance)
				})
			}
			for key, r := range b.lstms.rnns {
				assert.NotNil(t, r, "cuDNN took part of %v alone", key)
			}
			assert.NoError(t, b.Sync())
			assert.Zero(t, b.LiveBytes())
		})
	}
}

// The same bits come again, in whatever order blocks and threads run.
func TestLSTMRepeats(t *testing.T) {
	for _, route := range []lstmRoute{stepLSTM, persistentLSTM} {
		t.Run(string(route), func(t *testing.T) {
			m, _ := simulated(t)
			b := force(openWith(t, backend.Config{Precision: backend.BF16}), route)
			c := lstmCase{T: 4, B: 16, I: 16, H: 96}
			want := newLSTMRun(b, c).run(t)
			assert.Equal(t, want, newLSTMRun(b, c).run(t))
			m.Reverse(true)
			defer m.Reverse(false)
			assert.Equal(t, want, newLSTMRun(b, c).run(t))
		})
	}
}

// Float64, stored weights and few steps go by steps without being measured.
func TestLSTMStepsAlone(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	for _, c := range []struct {
		steps          int
		dtype, weights tensor.DType
	}{
		{1, tensor.Float32, tensor.Float32},
		{fewSteps - 1, tensor.Float32, tensor.Float32},
		{100, tensor.Float64, tensor.Float64},
		{100, tensor.Float32, tensor.BFloat16},
		{100, tensor.Float32, tensor.Int8},
	} {
		x, h := backend.New(b, c.dtype, c.steps, 2, 32), backend.New(b, c.dtype, 2, 64)
		wih, whh := backend.New(b, c.weights, 256, 32), backend.New(b, c.weights, 256, 64)
		gates := backend.New(b, b.Inner(c.dtype), c.steps, 2, 256)
		l := b.newLSTM("LSTM", &backend.LSTMCall{X: x, H0: h, Wih: wih, Whh: whh, Gates: gates})
		assert.Equal(t, stepLSTM, l.choose(), c)
		backend.Release(b, x, h, wih, whh, gates)
	}
	assert.Empty(t, b.Choices())
	assert.NoError(t, b.Sync())
}

func TestPersistentPlan(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	assert.Equal(t, 8, b.persistentPlan(64, 16).blocks)
	assert.Equal(t, b.persistentPlan(64, 17), b.persistentPlan(64, 32))
	assert.Zero(t, b.persistentPlan(64, 65), "too many samples")
	assert.Zero(t, b.persistentPlan(48, 4), "units that do not fill tiles")
	assert.Zero(t, b.persistentPlan(1024, 4), "more blocks than fit")
	b.precision = backend.TF32
	assert.Zero(t, b.persistentPlan(64, 16), "another precision")
}

// A shape is measured once; what was chosen can be told and made again.
func TestLSTMChoices(t *testing.T) {
	for _, of := range []struct {
		precision backend.Precision
		name      string
		routes    []string
	}{
		{backend.Full, "lstm float32 32 2 8 64", []string{"steps", "cudnn"}},
		{backend.BF16, "lstm bf16 32 2 8 64", []string{"steps", "cudnn", "persistent"}},
	} {
		t.Run(of.name, func(t *testing.T) {
			c := lstmCase{T: 20, B: 2, I: 8, H: 64}
			want := oracle(t, c)
			b := openWith(t, backend.Config{Precision: of.precision})
			r := newLSTMRun(b, c)
			nearLSTM(t, r.names, want, r.run(t), 2e-2)
			choices := b.Choices()
			require.Len(t, choices, 1)
			assert.Contains(t, of.routes, choices[of.name])
			for _, route := range of.routes {
				require.NoError(t, b.Choose(map[string]string{of.name: route}))
				r := newLSTMRun(b, c)
				b.LSTM(r.c)
				assert.EqualValues(t, route, b.storage(r.c.Gates).lstm)
				nearLSTM(t, r.names, want, r.run(t), 2e-2)
				assert.Equal(t, map[string]string{of.name: route}, b.Choices())
			}
			assert.NoError(t, b.Sync())
			assert.Zero(t, b.LiveBytes())
		})
	}
}

func TestFastest(t *testing.T) {
	all := []lstmRoute{stepLSTM, persistentLSTM, cudnnLSTM}
	assert.Equal(t, persistentLSTM, fastest(all, map[lstmRoute]float64{stepLSTM: 9, persistentLSTM: 2, cudnnLSTM: 3}))
	assert.Equal(t, cudnnLSTM, fastest(all, map[lstmRoute]float64{stepLSTM: 9, cudnnLSTM: 3}))
	assert.Equal(t, stepLSTM, fastest(all, nil))
}

func TestChooseRefuses(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	for name, route := range map[string]string{
		"lstm bf16 32 2 8 64":  "quickly",
		"lstm bf16 32 2 8 4":   "persistent",
		"lstm bf16 32 2 8":     "steps",
		"lstm bf16 32 2 8 64 ": "steps",
		"attention":            "steps",
	} {
		assert.Error(t, b.Choose(map[string]string{name: route}), name)
	}
	assert.Empty(t, b.Choices())
}

// A route that the device turns out to lack gives way to steps.
func TestLSTMGivesWay(t *testing.T) {
	c := lstmCase{T: 20, B: 2, I: 8, H: 64}
	want := oracle(t, c)
	const name = "lstm bf16 32 2 8 64"
	for _, of := range []struct {
		route lstmRoute
		call  sim.Call
		code  int
	}{
		{persistentLSTM, sim.Launch, cuda.TooManyBlocks},
		{cudnnLSTM, sim.LSTM, 3000},
		{cudnnLSTM, sim.LSTM, 2000},
	} {
		t.Run(string(of.route), func(t *testing.T) {
			m, _ := simulated(t)
			b := openWith(t, backend.Config{Precision: backend.BF16})
			require.NoError(t, b.Choose(map[string]string{name: string(of.route)}))
			r := newLSTMRun(b, c)
			before := m.Calls(of.call)
			b.LSTM(r.c)
			m.Fail(of.call, m.Calls(of.call)-before, of.code) // the pass's last call
			nearLSTM(t, r.names, want, r.run(t), 2e-2)
			assert.Equal(t, map[string]string{name: "steps"}, b.Choices())
			assert.NoError(t, b.Sync())
			assert.Zero(t, b.LiveBytes())
		})
	}
}

// Where the backward kernel cannot be launched steps go on from the forward one's
// gates.
func TestLSTMBackwardGivesWay(t *testing.T) {
	c := lstmCase{T: 4, B: 2, I: 8, H: 64}
	m, _ := simulated(t)
	b := force(openWith(t, backend.Config{Precision: backend.BF16}), persistentLSTM)
	first := newLSTMRun(b, c)
	b.LSTM(first.c)
	before := m.Calls(sim.Launch)
	b.newLSTM("LSTMGrad", first.c).backwardPersistent(first.g)
	n := m.Calls(sim.Launch) - before
	first.run(t)
	r := newLSTMRun(b, c)
	b.LSTM(r.c)
	m.Fail(sim.Launch, n, cuda.TooManyBlocks)
	b.LSTMGrad(r.c, r.g)
	got := r.results(t)
	nearLSTM(t, r.names, oracle(t, c), got, 1e-2)
}

// Where cuDNN lacks a backward pass, both are done by steps, and the results that
// the caller has stay as they are.
func TestCUDNNBackwardGivesWay(t *testing.T) {
	c := lstmCase{T: 4, B: 2, I: 8, H: 64}
	want := oracle(t, c)
	for _, call := range []int{1, 2} { // of the backward pass: data, weights
		for _, code := range []int{2000, 3003} {
			t.Run(fmt.Sprint(call, code), func(t *testing.T) {
				m, _ := simulated(t)
				b := force(openWith(t, backend.Config{}), cudnnLSTM)
				r := newLSTMRun(b, c)
				b.LSTM(r.c)
				states := []*tensor.Tensor{r.c.Y, r.c.HN, r.c.CN}
				for _, s := range states {
					b.Fill(s, 3)
				}
				m.Fail(sim.LSTM, call, code)
				b.LSTMGrad(r.c, r.g)
				assert.Equal(t, stepLSTM, b.storage(r.c.Gates).lstm)
				got := r.results(t)
				for i := range states {
					assert.Equal(t, float32(3), got[i][0])
				}
				nearLSTM(t, r.names[len(states):], want[len(states):], got[len(states):], 1e-6)
				assert.NoError(t, b.Sync())
				assert.Zero(t, b.LiveBytes())
			})
		}
	}
}

// A route that lacks a backward pass is not chosen.
func TestLSTMChoiceNeedsBackward(t *testing.T) {
	m, _ := simulated(t)
	b := openWith(t, backend.Config{})
	m.Fail(sim.LSTM, 2, 3000)
	c := lstmCase{T: 20, B: 2, I: 8, H: 64}
	r := newLSTMRun(b, c)
	nearLSTM(t, r.names, oracle(t, c), r.run(t), 1e-6)
	assert.Equal(t, map[string]string{"lstm float32 32 2 8 64": "steps"}, b.Choices())
	assert.NoError(t, b.Sync())
	assert.Zero(t, b.LiveBytes())
}

func TestLSTMFault(t *testing.T) {
	m, driver := simulated(t)
	b, err := start(driver, backend.Config{})
	require.NoError(t, err)
	force(b, cudnnLSTM)
	r := newLSTMRun(b, lstmCase{T: 2, B: 2, I: 8, H: 64})
	m.Fail(sim.LSTM, 2, 5000)
	b.LSTM(r.c)
	b.LSTMGrad(r.c, r.g)
	assert.ErrorContains(t, b.Sync(), "cudnnRNNBackwardData_v8")
	assert.Error(t, b.Close())
}

// Wherever memory ends, in measuring too, the call says so and leaves nothing.
func TestLSTMWithoutMemory(t *testing.T) {
	m, driver := simulated(t)
	c := lstmCase{T: 20, B: 2, I: 8, H: 64}
	attempt := func(b *Backend, r *lstmRun, more int) (err error) {
		defer tensor.Catch(&err)
		m.Limit(m.Bytes().Live + more)
		defer m.Limit(2 << 30)
		b.LSTM(r.c)
		b.LSTMGrad(r.c, r.g)
		return nil
	}
	failed := 0
	for more, full := 0, true; full; more += more/4 + 4096 {
		b, err := start(driver, backend.Config{Precision: backend.BF16})
		require.NoError(t, err)
		r := newLSTMRun(b, c)
		err = attempt(b, r, more)
		full = err != nil
		if full {
			failed++
			var out *OutOfMemory
			assert.ErrorAs(t, err, &out)
		}
		backend.Release(b, r.all...)
		assert.Zero(t, b.LiveBytes())
		require.NoError(t, b.Close())
		assert.Empty(t, m.Leaks())
	}
	assert.Greater(t, failed, 5)
}

// Operands of another type than cuDNN computes in are rounded into working memory
// and back.
func TestRNNWork(t *testing.T) {
	b := openWith(t, backend.Config{Precision: backend.BF16})
	x := backend.FromSlice(b, []float32{1, 1 + 1./512, 3}, 3)
	y := backend.FromSlice(b, []float32{0, 0, 0}, 3)
	w := &rnnWork{b: b, dtype: tensor.BFloat16}
	from, to := w.read(x), w.write(y)
	require.NoError(t, b.dev.Within(to, from, 6))
	w.finish()
	w.release()
	numbers, err := backend.Data[float32](b, y)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 3}, numbers)
	assert.Zero(t, w.read(nil))
	assert.Zero(t, w.write(nil))
	backend.Release(b, x, y)
	assert.Zero(t, b.LiveBytes())
}
