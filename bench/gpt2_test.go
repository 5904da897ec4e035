package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// gpt2Sizes are the models by what they are called.
var gpt2Sizes = map[string]gpt2.Config{"124M": gpt2.Small(), "355M": gpt2.Medium()}

// storedTypes are those of a GPT-2's matrices.
var storedTypes = []tensor.DType{tensor.Float32, tensor.BFloat16, tensor.Int8}

// weight is a parameter of a GPT-2 as its file has it.
type weight struct {
	name  string
	shape []int
}

// weightsOf are all parameters, in the file's order.
func weightsOf(c gpt2.Config) []weight {
	h := c.Width
	all := []weight{{"wte.weight", []int{c.Vocabulary, h}}, {"wpe.weight", []int{c.Positions, h}}}
	layer := func(name string, shape ...int) {
		all = append(all, weight{name + ".weight", shape}, weight{name + ".bias", shape[len(shape)-1:]})
	}
	for i := range c.Layers {
		block := fmt.Sprintf("h.%d.", i)
		layer(block+"ln_1", h)
		layer(block+"attn.c_attn", h, 3*h)
		layer(block+"attn.c_proj", h, h)
		layer(block+"ln_2", h)
		layer(block+"mlp.c_fc", h, 4*h)
		layer(block+"mlp.c_proj", 4*h, h)
	}
	layer("ln_f", h)
	return all
}

// bytes is the room of a parameter where the matrices are of type d.
func (w weight) bytes(d tensor.DType) int {
	if len(w.shape) == 1 || w.name == "wpe.weight" {
		d = d.Compute()
	}
	return d.Bytes(d.Room(w.shape))
}

// weightBytes is a model's size, and what of it a token reads: all but the
// embeddings of positions.
func weightBytes(c gpt2.Config, d tensor.DType) (size, read int) {
	for _, w := range weightsOf(c) {
		size += w.bytes(d)
		if w.name != "wpe.weight" {
			read += w.bytes(d)
		}
	}
	return size, read
}

// openGPT2 opens a model of random weights from a folder, as a user does: made
// in this process it would add to the peak of its memory.
func openGPT2(b *testing.B, cpu backend.Backend, d tensor.DType, c gpt2.Config) *gpt2.Model {
	dir := b.TempDir()
	config, err := json.Marshal(struct {
		gpt2.Config
		Type string `json:"model_type"`
	}{c, "gpt2"})
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(dir, gpt2.ConfigFile), config, 0o666))
	file, err := os.Create(filepath.Join(dir, gpt2.WeightsFile))
	require.NoError(b, err)
	var sources []safetensors.Source
	for _, w := range weightsOf(c) {
		sources = append(sources, safetensors.Source{Name: w.name, DType: safetensors.F32, Shape: w.shape, Data: w.write})
	}
	buffered := bufio.NewWriter(file)
	require.NoError(b, safetensors.Encode(buffered, nil, sources))
	require.NoError(b, buffered.Flush())
	require.NoError(b, file.Close())
	m, err := gpt2.Open(cpu, d, dir)
	require.NoError(b, err)
	return m
}

// noise has a deviation of 0.02 and is repeated: its length is a prime.
var noise = func() []float32 {
	x := make([]float32, 65521)
	for i := range x {
		x[i] = float32(0.02 * math.Sqrt(12) * (tensor.Key{Seed: 5}.Uniform(uint64(i)) - 0.5))
	}
	return x
}()

// write writes ones for the weights of a layer norm, and else noise.
func (w weight) write(to io.Writer) error {
	values := noise
	if strings.Contains(w.name, "ln_") && strings.HasSuffix(w.name, "weight") {
		values = make([]float32, w.shape[0])
		for i := range values {
			values[i] = 1
		}
	}
	for left := tensor.Size(w.shape); left > 0; left -= len(values) {
		if _, err := to.Write(tensor.Bytes(values[:min(left, len(values))])); err != nil {
			return err
		}
	}
	return nil
}
