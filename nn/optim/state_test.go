package optim_test

import (
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/tensor"
)

// copyOf is st with tensors of its own.
func copyOf(b backend.Backend, st optim.State) optim.State {
	out := optim.State{Steps: maps.Clone(st.Steps)}
	for _, t := range st.Tensors {
		out.Tensors = append(out.Tensors, optim.Param{Name: t.Name, Value: backend.Clone(b, t.Value)})
	}
	return out
}

// A run that stops, saves, loads into a new optimizer and goes on gives the
// same bits as one that never stopped.
func TestStateResumes(t *testing.T) {
	b := open(t)
	for _, c := range configs() {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			train := func(stop int) []optim.Param {
				m := newModel()
				params := m.params(b, tensor.Float32)
				o, err := optim.New(b, c, params)
				require.NoError(t, err)
				for step := 1; step <= 8; step++ {
					o.Step(m.upload(b, tensor.Float32, m.grads(step)), 0.01)
					if step == stop {
						st := copyOf(b, o.State())
						o.Free()
						o, err = optim.New(b, c, params)
						require.NoError(t, err)
						require.NoError(t, o.Load(st))
						assert.Equal(t, st, o.State())
					}
				}
				return params
			}
			straight, resumed := train(0), train(4)
			for i := range straight {
				require.Equal(t, get(t, b, straight[i].Value), get(t, b, resumed[i].Value))
			}
		})
	}
}

// Load gives the old memory back and takes the new one over.
func TestLoadOwns(t *testing.T) {
	b := open(t)
	live := b.(interface{ LiveBytes() int64 })
	p, g := backend.Zeros(b, tensor.Float32, 1000), backend.Zeros(b, tensor.Float32, 1000)
	before := live.LiveBytes()
	o, err := optim.New(b, optim.Defaults(optim.Adam), []optim.Param{{Name: "p", Value: p}})
	require.NoError(t, err)
	o.Step([]*tensor.Tensor{g}, 1)
	used := live.LiveBytes()
	require.NoError(t, o.Load(copyOf(b, o.State())))
	assert.Equal(t, used, live.LiveBytes())
	o.Free()
	assert.Equal(t, before, live.LiveBytes())
}

func TestStateNames(t *testing.T) {
	b := open(t)
	for _, tt := range []struct {
		c    optim.Config
		want []string
	}{
		{optim.Defaults(optim.SGD), nil},
		{optim.Config{Kind: optim.SGD, Momentum: 0.9}, []string{"a.momentum_buffer", "c.momentum_buffer"}},
		{optim.Defaults(optim.LAMB), []string{"a.exp_avg", "a.exp_avg_sq", "c.exp_avg", "c.exp_avg_sq"}},
	} {
		one := func() *tensor.Tensor { return put(b, tensor.Float32, []float64{1, 2}, 2) }
		o, err := optim.New(b, tt.c, []optim.Param{{"a", one()}, {"b", one()}, {"c", one()}})
		require.NoError(t, err)
		assert.Empty(t, o.State().Tensors)
		o.Step([]*tensor.Tensor{one(), nil, one()}, 1)
		o.Step([]*tensor.Tensor{one(), nil, nil}, 1)
		var got []string
		for _, s := range o.State().Tensors {
			got = append(got, s.Name)
		}
		assert.Equal(t, tt.want, got)
		assert.Equal(t, map[string]int{"a": 2, "c": 1}, o.State().Steps)
		o.Free()
		assert.Empty(t, o.State().Steps)
	}
}

func TestLoadRejects(t *testing.T) {
	b := open(t)
	one := func(shape ...int) *tensor.Tensor { return backend.Zeros(b, tensor.Float32, shape...) }
	newOne := func() *optim.Optimizer {
		o, err := optim.New(b, optim.Defaults(optim.Adam), []optim.Param{{"a", one(2, 3)}, {"b", one(2)}})
		require.NoError(t, err)
		o.Step([]*tensor.Tensor{one(2, 3), nil}, 1)
		return o
	}
	m, v := optim.Param{Name: "a.exp_avg", Value: one(2, 3)}, optim.Param{Name: "a.exp_avg_sq", Value: one(2, 3)}
	a := map[string]int{"a": 4}
	tests := []struct {
		name string
		st   optim.State
		want string
	}{
		{"moment missing", optim.State{Tensors: []optim.Param{m}, Steps: a}, "a.exp_avg_sq is missing"},
		{"moment twice", optim.State{Tensors: []optim.Param{m, v, m}, Steps: a}, "a.exp_avg comes twice"},
		{"shape", optim.State{Tensors: []optim.Param{m, {"a.exp_avg_sq", one(3, 2)}}, Steps: a}, "a.exp_avg_sq is float32 [3 2], want float32 [2 3]"},
		{"type", optim.State{Tensors: []optim.Param{m, {"a.exp_avg_sq", backend.Zeros(b, tensor.Float64, 2, 3)}}, Steps: a}, "is float64 [2 3], want float32"},
		{"view", optim.State{Tensors: []optim.Param{m, {"a.exp_avg_sq", one(3, 2).Transpose()}}, Steps: a}, "not contiguous"},
		{"no steps", optim.State{Tensors: []optim.Param{m, v}}, "a.exp_avg belongs to no parameter that has made a step"},
		{"step 0", optim.State{Tensors: []optim.Param{m, v}, Steps: map[string]int{"a": 0}}, "a has made 0 steps"},
		{"unknown tensor", optim.State{Tensors: []optim.Param{m, v, {"z.exp_avg", one(1)}}, Steps: a}, "z.exp_avg belongs to no parameter"},
		{"unknown parameter", optim.State{Tensors: []optim.Param{m, v}, Steps: map[string]int{"a": 4, "z": 4}}, "1 of its 2 parameters are unknown"},
		{"another kind", optim.State{Tensors: []optim.Param{{"a.momentum_buffer", one(2, 3)}}, Steps: a}, "a.exp_avg is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOne()
			before := o.State()
			err := o.Load(tt.st)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, "loading the state of optimizer adam")
			assert.Equal(t, before, o.State(), "nothing changes")
		})
	}
	require.NoError(t, newOne().Load(optim.State{}), "an optimizer before its first step")
}
