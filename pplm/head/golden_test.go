package head

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/tensor"
)

func openBackend(t *testing.T) *cpu.Backend {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Zero(t, b.LiveBytes())
		assert.NoError(t, b.Close())
	})
	return b
}

// Training on the case's representations gives its losses and, after each epoch,
// its head.
func TestGoldenTraining(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		var c struct {
			Classes []string `json:"idx2class"`
			Train   int      `json:"n_train"`
			Batch   int      `json:"batch_size"`
			Rate    float64  `json:"lr"`
			Labels  []int32  `json:"labels"`
			Results map[string]struct {
				Epochs []struct {
					Losses []float64 `json:"batch_losses"`
					Test   float64   `json:"test_loss"`
				} `json:"epochs"`
			} `json:"results"`
		}
		g.Decode(t, &c)
		for name, d := range map[string]struct {
			tensor.DType
			losses, parameters float64
		}{"f32": {tensor.Float32, 5e-5, 1e-4}, "f64": {tensor.Float64, 1e-9, 1e-9}} {
			t.Run(name, func(t *testing.T) {
				b, want := openBackend(t), c.Results[name].Epochs
				g.DType = d.DType
				x := g.Tensor(t, b, name+".avg_representation")
				h := &Head{Classes: c.Classes, Width: x.Dim(1), Weight: g.Numbers(t, "init.weight"), Bias: g.Numbers(t, "init.bias")}
				trainer, err := NewTrainer(b, d.DType, h, c.Rate)
				require.NoError(t, err)
				defer trainer.Free()
				rows := make([]int32, len(c.Labels))
				for i := range rows {
					rows[i] = int32(i)
				}
				data := Data{X: x, Y: c.Labels, Train: rows[:c.Train], Test: rows[c.Train:]}
				var losses []float64
				how := Fitting{Batch: c.Batch, InOrder: true, Batched: func(_, _ int, loss float64) error {
					losses = append(losses, loss)
					return nil
				}}
				for i, w := range want {
					epoch := strconv.Itoa(i + 1)
					losses = nil
					require.NoError(t, trainer.epoch(t.Context(), data, how, i+1))
					golden.Near(t, w.Losses, losses, d.losses, "losses of epoch "+epoch)
					r, err := trainer.Evaluate(x, c.Labels, data.Test)
					require.NoError(t, err)
					golden.Near(t, []float64{w.Test}, []float64{r.Loss}, d.losses, "test loss of epoch "+epoch)
					require.NoError(t, trainer.Store())
					golden.Near(t, g.Numbers(t, name+".epoch"+epoch+".weight"), h.Weight, d.parameters, "weight")
					golden.Near(t, g.Numbers(t, name+".epoch"+epoch+".bias"), h.Bias, d.parameters, "bias")
				}
			})
		}
	}, "discrim_train*")
}

// numbersOf is what a case says of a tensor in a PyTorch file.
type numbersOf struct {
	Shape  []int     `json:"shape"`
	Sum    float64   `json:"sum_f64"`
	Abs    float64   `json:"abs_sum_f64"`
	First4 []float64 `json:"first4"`
	Last   float64   `json:"last"`
}

func (n numbersOf) match(t *testing.T, got []float64) {
	sum, abs := 0.0, 0.0
	for _, x := range got {
		sum, abs = sum+x, abs+max(x, -x)
	}
	assert.InDelta(t, n.Sum, sum, 1e-12*n.Abs)
	assert.InDelta(t, n.Abs, abs, 1e-12*n.Abs)
	assert.Equal(t, n.First4, got[:len(n.First4)])
	assert.Equal(t, n.Last, got[len(got)-1])
}

// The published heads, where the files are there: they are not part of the
// project.
func TestGoldenPublished(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		var c struct {
			Files map[string]struct {
				State map[string]numbersOf `json:"state_dict"`
			} `json:"files"`
		}
		g.Decode(t, &c)
		for name, want := range c.Files {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(g.Dir, name)
				if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
					t.Skip("the original authors' file is not here")
				}
				h, err := Load(path)
				require.NoError(t, err)
				assert.Equal(t, want.State[weightName].Shape, []int{len(h.Classes), h.Width})
				want.State[weightName].match(t, h.Weight)
				want.State[biasName].match(t, h.Bias)
				assert.Equal(t, "gpt2-medium", h.Model)
			})
		}
	}, "discrim_heads*")
}

// The heads that the command-line cases use, legacy and zip, hold the same.
func TestGoldenFormats(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		var c struct {
			Args struct {
				Weights string `json:"discrim_weights"` // from the folder of the set
				Meta    string `json:"discrim_meta"`
			} `json:"args"`
		}
		g.Decode(t, &c)
		weights := filepath.Join(g.Dir, "..", c.Args.Weights)
		names := filepath.Join(g.Dir, "..", c.Args.Meta)
		text, err := os.ReadFile(names)
		require.NoError(t, err)
		var m meta
		require.NoError(t, json.Unmarshal(text, &m))
		zipped, err := Load(weights)
		require.NoError(t, err)
		legacy, err := LoadTorch(strings.TrimSuffix(weights, ".pt")+"_legacy.pt", names)
		require.NoError(t, err)
		assert.Equal(t, zipped, legacy)
		assert.Len(t, zipped.Weight, m.Classes*m.Width)
		for name, i := range m.Names {
			assert.Equal(t, name, zipped.Classes[i])
		}
		assert.NotZero(t, zipped.Weight[0])
	}, "e2e_cli_discrim*")
}
