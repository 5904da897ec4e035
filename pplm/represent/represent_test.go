package represent_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/pplm/head/dataset"
	"github.com/tiller-ml/tiller/pplm/represent"
	"github.com/tiller-ml/tiller/tensor"
)

type trainCase struct {
	Model     string             `json:"model"`
	Data      string             `json:"data"`
	Classes   []string           `json:"idx2class"`
	Train     int                `json:"n_train"`
	Batch     int                `json:"batch_size"`
	Rate      float64            `json:"lr"`
	Sequences [][]int32          `json:"sequences"`
	Labels    []int32            `json:"labels"`
	Results   map[string]results `json:"results"`
}

type results struct {
	Epochs []struct {
		Losses []float64 `json:"batch_losses"`
		Test   float64   `json:"test_loss"`
		Right  float64   `json:"test_accuracy"`
	} `json:"epochs"`
}

func openModel(t *testing.T, d tensor.DType, dir string) *gpt2.Model {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	m, err := gpt2.Open(b, d, dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		assert.Zero(t, b.LiveBytes())
		assert.NoError(t, b.Close())
	})
	return m
}

// From the rows of the file to the losses of training, as the reference does it
// with its faults: "!" does not count, texts of 100 tokens are dropped, and quotes
// are csv's.
func TestGoldenTraining(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		var c trainCase
		g.Decode(t, &c)
		for name, d := range map[string]tensor.DType{"f32": tensor.Float32, "f64": tensor.Float64} {
			t.Run(name, func(t *testing.T) {
				m := openModel(t, d, filepath.Join(g.Dir, c.Model))
				tokens, labels := read(t, g.Dir, c)
				require.Equal(t, c.Sequences, tokens)
				require.Equal(t, c.Labels, labels)

				x, err := represent.Means(t.Context(), m, tokens, true, nil)
				require.NoError(t, err)
				defer backend.Release(m.Backend, x)
				tolerance := map[tensor.DType]float64{tensor.Float32: 2e-5, tensor.Float64: 1e-10}[d]
				golden.Near(t, g.Numbers(t, name+".avg_representation"), golden.Read(t, m.Backend, x), tolerance, "representations")
				fit(t, m, g, c, x, c.Results[name])
			})
		}
	}, "discrim_train*")
}

// read is the case's file in the reference's way.
func read(t *testing.T, dir string, c trainCase) (tokens [][]int32, labels []int32) {
	tokenizer, err := bpe.Load(filepath.Join(dir, c.Model))
	require.NoError(t, err)
	set, err := dataset.Open("generic", filepath.Join(dir, c.Data), true)
	require.NoError(t, err)
	require.Equal(t, c.Classes, set.Classes)
	for _, x := range set.Texts {
		if ids := tokenizer.Encode(x.Text); len(ids) < 100 {
			start := c.Sequences[0][0]
			tokens, labels = append(tokens, append([]int32{start}, ids...)), append(labels, int32(x.Class))
		}
	}
	return tokens, labels
}

// fit holds every batch's loss and every epoch's test against the case.
func fit(t *testing.T, m *gpt2.Model, g *golden.Case, c trainCase, x *tensor.Tensor, want results) {
	h := &head.Head{Classes: c.Classes, Width: x.Dim(1), Weight: g.Numbers(t, "init.weight"), Bias: g.Numbers(t, "init.bias")}
	d := head.Data{X: x, Y: c.Labels}
	for i := range c.Labels {
		if i < c.Train {
			d.Train = append(d.Train, int32(i))
		} else {
			d.Test = append(d.Test, int32(i))
		}
	}
	var losses []float64
	_, err := head.Fit(t.Context(), m.Backend, h, d, head.Fitting{
		Rate: c.Rate, Epochs: len(want.Epochs), Batch: c.Batch, InOrder: true,
		Batched: func(_, _ int, loss float64) error {
			losses = append(losses, loss)
			return nil
		},
		Evaluated: func(epoch int, r *head.Result) error {
			w := want.Epochs[epoch-1]
			golden.Near(t, w.Losses, losses, 5e-5, "losses")
			golden.Near(t, []float64{w.Test}, []float64{r.Loss}, 5e-5, "test loss")
			assert.InDelta(t, w.Right, float64(r.Correct())/float64(r.Texts), 1e-12)
			losses = nil
			return nil
		},
	})
	require.NoError(t, err)
}

func tiny(t *testing.T) *gpt2.Model {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	m, err := gpt2.New(b, tensor.Float64, gpt2.Config{Vocabulary: 11, Positions: 6, Width: 8, Layers: 2, Heads: 2, Eps: 1e-5}, 3)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		assert.Zero(t, b.LiveBytes())
		assert.NoError(t, b.Close())
	})
	return m
}

// alone is the mean of one text, read by itself.
func alone(m *gpt2.Model, text []int32, skipZero bool) []float64 {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	s := m.Start(1)
	defer s.Free()
	_, hidden, _ := m.Step(tape, tape.Own(backend.FromSlice(m.Backend, text, len(text), 1)), s)
	states, _ := backend.Data[float64](m.Backend, hidden.Value)
	mean, n := make([]float64, m.Config.Width), 0.0
	for t, id := range text {
		if skipZero && id == 0 {
			continue
		}
		n++
		for i := range mean {
			mean[i] += states[t*len(mean)+i]
		}
	}
	for i := range mean {
		mean[i] /= n
	}
	return mean
}

func TestMeans(t *testing.T) {
	m := tiny(t)
	texts := [][]int32{{1, 2, 3, 4, 5}, {7}, {0, 8, 0}, {1, 0}, {9, 9, 9, 9, 9, 9}, {3}}
	for _, reference := range []bool{false, true} {
		done := 0
		x, err := represent.Means(t.Context(), m, texts, reference, func(n int) { done = n })
		require.NoError(t, err)
		assert.Equal(t, len(texts), done)
		for i, text := range texts {
			row, err := backend.Data[float64](m.Backend, x.Slice(0, i, i+1))
			require.NoError(t, err)
			assert.InDeltaSlice(t, alone(m, text, reference), row, 1e-9)
		}
		backend.Release(m.Backend, x)
	}
}

func TestMeansErrors(t *testing.T) {
	m := tiny(t)
	_, err := represent.Means(t.Context(), m, [][]int32{{1}, {}}, false, nil)
	assert.ErrorContains(t, err, "text 2 has no tokens")
	_, err = represent.Means(t.Context(), m, [][]int32{make([]int32, 7)}, false, nil)
	assert.ErrorContains(t, err, "text 1 has 7 tokens, the language model")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = represent.Means(ctx, m, [][]int32{{1}}, false, nil)
	assert.ErrorIs(t, err, context.Canceled)
}
