package optim_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	_ "github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// plain hides a backend's optional abilities.
type plain struct{ backend.Backend }

func open(t testing.TB) backend.Backend {
	b, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// put allocates a tensor of that type from float64s.
func put(b backend.Backend, dtype tensor.DType, data []float64, shape ...int) *tensor.Tensor {
	if dtype == tensor.Float64 {
		return backend.FromSlice(b, data, shape...)
	}
	narrow := make([]float32, len(data))
	for i, x := range data {
		narrow[i] = float32(x)
	}
	return backend.FromSlice(b, narrow, shape...)
}

func get(t testing.TB, b backend.Backend, x *tensor.Tensor) []float64 {
	if x.DType == tensor.Float64 {
		out, err := backend.Data[float64](b, x)
		require.NoError(t, err)
		return out
	}
	narrow, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	out := make([]float64, len(narrow))
	for i, x := range narrow {
		out[i] = float64(x)
	}
	return out
}

func configs() []optim.Config {
	with := func(kind optim.Kind, change func(*optim.Config)) optim.Config {
		c := optim.Defaults(kind)
		change(&c)
		return c
	}
	return []optim.Config{
		optim.Defaults(optim.SGD),
		with(optim.SGD, func(c *optim.Config) { c.WeightDecay = 0.1 }),
		with(optim.SGD, func(c *optim.Config) { c.WeightDecay, c.Momentum = 0.1, 0.9 }),
		optim.Defaults(optim.Adam),
		with(optim.Adam, func(c *optim.Config) { c.WeightDecay, c.Beta1, c.Beta2, c.Eps = 0.1, 0.5, 0.7, 1e-3 }),
		optim.Defaults(optim.AdamW),
		with(optim.AdamW, func(c *optim.Config) { c.WeightDecay, c.Beta1 = 0.3, 0 }),
		optim.Defaults(optim.LAMB),
		with(optim.LAMB, func(c *optim.Config) { c.WeightDecay, c.MinTrust = 0.1, 0.25 }),
	}
}

// TestStep compares thirty steps with the scalar rules, over both ways to the
// direction and both types.
func TestStep(t *testing.T) {
	cpu := open(t)
	_, fused := cpu.(backend.Adamer)
	require.True(t, fused)
	for _, c := range configs() {
		for _, b := range []backend.Backend{cpu, plain{cpu}} {
			for _, dtype := range []tensor.DType{tensor.Float32, tensor.Float64} {
				t.Run(fmt.Sprintf("%+v/%T/%v", c, b, dtype), func(t *testing.T) { checkSteps(t, b, c, dtype) })
			}
		}
	}
}

func checkSteps(t *testing.T, b backend.Backend, c optim.Config, dtype tensor.DType) {
	tolerance := map[tensor.DType]float64{tensor.Float32: 2e-5, tensor.Float64: 1e-12}[dtype]
	m := newModel()
	params := m.params(b, dtype)
	o, err := optim.New(b, c, params)
	require.NoError(t, err)
	want := make([]scalar, len(params))
	for i := range want {
		want[i].c = c
	}
	for step := 1; step <= 30; step++ {
		lr := 0.01 / float64(step)
		grads := m.grads(step)
		o.Step(m.upload(b, dtype, grads), lr)
		for i, g := range grads {
			if g != nil {
				want[i].step(m.values[i], g, lr)
			}
		}
	}
	steps := o.State().Steps
	for i, p := range params {
		got := get(t, b, p.Value)
		requireClose(t, m.values[i], got, tolerance)
		assert.Equal(t, want[i].steps, steps[p.Name])
		if c.Kind == optim.LAMB {
			w, g := want[i].trust, o.Trust[i]
			requireClose(t, []float64{w.Ratio, w.WeightNorm, w.AdamNorm}, []float64{g.Ratio, g.WeightNorm, g.AdamNorm}, tolerance)
		}
	}
	assert.NotContains(t, steps, "p1", "a parameter without gradients has no state")
	assert.Equal(t, 15, steps["p2"])
}

// requireClose bounds max|a-b| by tolerance*max|a|.
func requireClose(t *testing.T, want, got []float64, tolerance float64) {
	t.Helper()
	require.Len(t, got, len(want))
	largest := 0.0
	for _, x := range want {
		largest = max(largest, math.Abs(x))
	}
	for i := range want {
		require.InDelta(t, want[i], got[i], tolerance*largest, "element %d", i)
	}
}

// TestStepByHand has numbers worked out on paper.
func TestStepByHand(t *testing.T) {
	b := open(t)
	tests := []struct {
		name  string
		c     optim.Config
		p     []float64
		grads []float64 // the same for each element, one a step
		lr    float64
		want  []float64
	}{
		// 1 - 0.1*(2 + 0.5*1) = 0.75
		{"sgd with decay", optim.Config{Kind: optim.SGD, WeightDecay: 0.5}, []float64{1}, []float64{2}, 0.1, []float64{0.75}},
		// buffers 2, 0.5*2+4 = 5: 1 - 0.2 - 0.5
		{"sgd with momentum", optim.Config{Kind: optim.SGD, Momentum: 0.5}, []float64{1}, []float64{2, 4}, 0.1, []float64{0.3}},
		// corrected moments of equal gradients are the gradient: each step moves lr*sign
		{"adam", optim.Config{Kind: optim.Adam, Beta1: 0.9, Beta2: 0.999}, []float64{1, 2}, []float64{-3, -3}, 0.1, []float64{1.2, 2.2}},
		// the decay joins the gradient: its size cancels, 2 + 0.5*1 > 0
		{"adam with decay", optim.Config{Kind: optim.Adam, Beta1: 0.9, Beta2: 0.999, WeightDecay: 0.5}, []float64{1}, []float64{2}, 0.1, []float64{0.9}},
		// 1*(1 - 0.1*0.5) - 0.1
		{"adamw", optim.Config{Kind: optim.AdamW, Beta1: 0.9, Beta2: 0.999, WeightDecay: 0.5}, []float64{1}, []float64{2}, 0.1, []float64{0.85}},
		// m = 0.1*2, v = 0.01*4, u = (1, 1), |p| = 5, |u| = sqrt 2: p - 0.1*5/sqrt 2
		{"lamb", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99}, []float64{3, 4}, []float64{2}, 0.1,
			[]float64{3 - 0.5/math.Sqrt2, 4 - 0.5/math.Sqrt2}},
		// |p| = 50 counts as 10
		{"lamb, large weights", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99}, []float64{30, 40}, []float64{2}, 0.1,
			[]float64{30 - 1/math.Sqrt2, 40 - 1/math.Sqrt2}},
		// u = 1 + 0.5*2 = 2, |p|/|u| = 1
		{"lamb with decay", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99, WeightDecay: 0.5}, []float64{2}, []float64{2}, 0.1, []float64{1.8}},
		{"lamb, zero weights", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99, MinTrust: 0.25}, []float64{0}, []float64{2}, 0.1, []float64{-0.1}},
		// ratio 0.1 is raised to 0.25
		{"lamb, least trust", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99, MinTrust: 0.25}, []float64{0.1}, []float64{2}, 0.1, []float64{0.075}},
		// u = 0: ratio 1, nothing moves and nothing is divided by 0
		{"lamb, zero gradient", optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.99, Eps: 1e-6}, []float64{3}, []float64{0}, 0.1, []float64{3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := put(b, tensor.Float64, tt.p, len(tt.p))
			o, err := optim.New(b, tt.c, []optim.Param{{Name: "p", Value: p}})
			require.NoError(t, err)
			for _, g := range tt.grads {
				all := make([]float64, len(tt.p))
				for i := range all {
					all[i] = g
				}
				o.Step([]*tensor.Tensor{put(b, tensor.Float64, all, len(all))}, tt.lr)
			}
			requireClose(t, tt.want, get(t, b, p), 1e-13)
		})
	}
}

func TestDefaults(t *testing.T) {
	assert.Equal(t, optim.Config{Kind: optim.SGD}, optim.Defaults(optim.SGD))
	assert.Equal(t, optim.Config{Kind: optim.Adam, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}, optim.Defaults(optim.Adam))
	assert.Equal(t, optim.Config{Kind: optim.AdamW, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}, optim.Defaults(optim.AdamW))
	assert.Equal(t, optim.Config{Kind: optim.LAMB, Beta1: 0.9, Beta2: 0.999, Eps: 1e-6}, optim.Defaults(optim.LAMB))
}

func TestNewRejects(t *testing.T) {
	b := open(t)
	for _, tt := range []struct {
		change func(*optim.Config)
		want   string
	}{
		{func(c *optim.Config) { c.Kind = "adagrad" }, `unknown optimizer "adagrad": want sgd, adam, adamw or lamb`},
		{func(c *optim.Config) { c.Beta1 = 1 }, "optimizer lamb: beta1 1 is out of range"},
		{func(c *optim.Config) { c.Beta2 = -0.1 }, "beta2 -0.1"},
		{func(c *optim.Config) { c.Eps = math.NaN() }, "eps NaN"},
		{func(c *optim.Config) { c.WeightDecay = -1 }, "weight decay -1"},
		{func(c *optim.Config) { c.Momentum = -1 }, "momentum -1"},
		{func(c *optim.Config) { c.MinTrust = 1 }, "trust ratio 1"},
	} {
		c := optim.Defaults(optim.LAMB)
		tt.change(&c)
		_, err := optim.New(b, c, nil)
		assert.ErrorContains(t, err, tt.want)
	}

	x, y := put(b, tensor.Float32, make([]float64, 6), 2, 3), put(b, tensor.Float32, make([]float64, 6), 2, 3)
	wide := put(b, tensor.Float64, make([]float64, 6), 2, 3)
	for _, tt := range []struct {
		params []optim.Param
		want   string
	}{
		{[]optim.Param{{"a", x}, {"a", y}}, "parameter a is given twice"},
		{[]optim.Param{{"a", x}, {"tied", x}}, "parameter tied is given twice"},
		{[]optim.Param{{"a", x}, {"b", wide}}, "parameter b is of another type"},
		{[]optim.Param{{"a", x.Transpose()}}, "parameter a is not contiguous"},
		{[]optim.Param{{"a", backend.FromSlice(b, []int32{1}, 1)}}, "parameter a holds int32"},
	} {
		requirePanics(t, tt.want, func() { _, _ = optim.New(b, optim.Defaults(optim.SGD), tt.params) })
	}
}

func TestStepRejects(t *testing.T) {
	b := open(t)
	x := put(b, tensor.Float32, make([]float64, 6), 2, 3)
	o, err := optim.New(b, optim.Defaults(optim.Adam), []optim.Param{{Name: "a", Value: x}})
	require.NoError(t, err)
	requirePanics(t, "0 gradients for 1 parameters", func() { o.Step(nil, 1) })
	for _, g := range []*tensor.Tensor{
		put(b, tensor.Float32, make([]float64, 6), 6),
		put(b, tensor.Float64, make([]float64, 6), 2, 3),
		put(b, tensor.Float32, make([]float64, 6), 3, 2).Transpose(),
	} {
		requirePanics(t, "the gradient of a does not fit", func() { o.Step([]*tensor.Tensor{g}, 1) })
	}
	assert.Empty(t, o.State().Steps)
}

func requirePanics(t *testing.T, want string, f func()) {
	t.Helper()
	var err error
	func() {
		defer tensor.Catch(&err)
		f()
	}()
	require.ErrorContains(t, err, want)
}

// Steps after the first leave as many live bytes as they found.
func TestStepMemory(t *testing.T) {
	b := open(t)
	live, ok := b.(interface{ LiveBytes() int64 })
	require.True(t, ok)
	for _, wrapped := range []backend.Backend{b, plain{b}} {
		for _, c := range configs() {
			before := live.LiveBytes()
			m := newModel()
			params := m.params(b, tensor.Float32)
			grads := m.upload(b, tensor.Float32, m.grads(1))
			o, err := optim.New(wrapped, c, params)
			require.NoError(t, err)
			o.Step(grads, 1e-3)
			after := live.LiveBytes()
			for range 5 {
				optim.ClipNorm(wrapped, grads, 0.25)
				o.Step(grads, 1e-3)
				assert.Equal(t, after, live.LiveBytes(), "%+v", c)
			}
			o.Free()
			for _, p := range params {
				backend.Release(b, p.Value)
			}
			backend.Release(b, grads...)
			assert.Equal(t, before, live.LiveBytes(), "%+v", c)
		}
	}
}

// BenchmarkStep reports millions of parameters trained in a second.
func BenchmarkStep(b *testing.B) {
	for _, kind := range []optim.Kind{optim.SGD, optim.Adam, optim.LAMB} {
		b.Run(string(kind), func(b *testing.B) {
			cpu := open(b)
			const n = 1 << 20
			p, g := backend.Zeros(cpu, tensor.Float32, n), backend.Zeros(cpu, tensor.Float32, n)
			cpu.Fill(p, 0.1)
			o, err := optim.New(cpu, optim.Defaults(kind), []optim.Param{{Name: "p", Value: p}})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				cpu.Fill(g, 0.1) // Step overwrites it
				o.Step([]*tensor.Tensor{g}, 1e-9)
			}
			b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mparams/s")
		})
	}
}
