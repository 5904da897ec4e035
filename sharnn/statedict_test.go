package sharnn_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// stateDict are the tensors of a model, as a file holds them.
func stateDict(t *testing.T, m *sharnn.Model) []*safetensors.Tensor {
	model, criterion := m.StateDict()
	var all []*safetensors.Tensor
	for _, s := range append(model, criterion...) {
		var data bytes.Buffer
		require.NoError(t, s.Data(&data))
		all = append(all, &safetensors.Tensor{Name: s.Name, DType: s.DType, Shape: s.Shape, Data: data.Bytes()})
	}
	return all
}

// A model comes back from its state dict, whatever its configuration.
func TestStateDict(t *testing.T) {
	b := openCPU(t)
	base := sharnn.Config{Symbols: 9, Width: 6, Hidden: 13, Layers: 3, Attention: []int{1}, Heads: 1, Memory: 20}
	for name, change := range map[string]func(*sharnn.Config){
		"one":       func(*sharnn.Config) {},
		"all":       func(c *sharnn.Config) { c.Attention, c.Heads = []int{0, 1, 2}, 2 },
		"none":      func(c *sharnn.Config) { c.Attention = []int{} },
		"collapsed": func(c *sharnn.Config) { c.Collapsed = true },
		"split":     func(c *sharnn.Config) { c.Splits = []int{2, 5} },
	} {
		t.Run(name, func(t *testing.T) {
			c := base
			change(&c)
			m, err := sharnn.New(b, tensor.Float32, c, 1)
			require.NoError(t, err)
			defer m.Free()
			before := live(b)
			want := stateDict(t, m)
			again, err := sharnn.FromStateDict(b, tensor.Float32, c, want)
			require.NoError(t, err)
			assert.Equal(t, want, stateDict(t, again))
			again.Free()

			for i, x := range want {
				_, err := sharnn.FromStateDict(b, tensor.Float32, c, slices.Delete(slices.Clone(want), i, i+1))
				assert.ErrorContains(t, err, fmt.Sprintf("it lacks %s %d", x.Name, x.Shape))
			}
			_, err = sharnn.FromStateDict(b, tensor.Float32, c, append(want, want[0]))
			assert.ErrorContains(t, err, "two tensors called "+want[0].Name)
			assert.Equal(t, before, live(b), "an error keeps memory")
		})
	}
}

// What a description asks for is held against the tensors before there is memory
// for it.
func TestStateDictTooLarge(t *testing.T) {
	b := openCPU(t)
	c := sharnn.Config{Symbols: 1, Width: 1 << 20, Hidden: 1 << 20, Layers: 1, Attention: []int{0}, Heads: 1}
	x := &safetensors.Tensor{Name: sharnn.EncoderWeight, DType: safetensors.F32, Shape: []int{1, 1 << 20}, Data: make([]byte, 4<<20)}
	_, err := sharnn.FromStateDict(b, tensor.Float32, c, []*safetensors.Tensor{x})
	assert.ErrorContains(t, err, "it lacks blocks.0.rnn.weight_hh_l0 [4194304 1048576]")
	_, err = sharnn.FromStateDict(b, tensor.Float32, sharnn.Config{}, nil)
	assert.EqualError(t, err, "model configuration: ntoken is 0: want at least 1")
}

func TestStateDictErrors(t *testing.T) {
	b := openCPU(t)
	dir := storedFolder(t, 40)
	stored, _, err := sharnn.Load(b, dir, tensor.Int8)
	require.NoError(t, err)
	defer stored.Free()
	assert.PanicsWithError(t, "StateDict: a model of int8: load it as float32", func() { stored.StateDict() })
	m, d, err := sharnn.Load(b, dir, 0)
	require.NoError(t, err)
	defer m.Free()
	byName := map[string]*safetensors.Tensor{}
	for _, x := range stateDict(t, m) {
		byName[x.Name] = x
	}
	byName["lost"] = &safetensors.Tensor{Name: "lost", Shape: []int{2, 3}}
	byName["decoder.bias"] = &safetensors.Tensor{Name: "decoder.bias", DType: safetensors.F32, Shape: []int{3}}
	_, err = sharnn.FromStateDict(b, tensor.Float32, d.Config, slices.Collect(maps.Values(byName)))
	assert.EqualError(t, err, "the state dict is not that of a model of emsize 40, nhid 160, 2 blocks, 1 of which attend, and 50 symbols: "+
		"it has decoder.bias [3] instead of [50]; it has lost [2 3], for which the model has no place")
}
