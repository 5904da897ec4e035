package onnx

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/onnx/onnxtest"
	"github.com/tiller-ml/tiller/tensor"
)

// tolerance is of the largest number of a tensor.
const tolerance = 1e-5

// draws are ids for segments of the given lengths.
func draws(c sharnn.Config, batch int, lengths ...int) onnxtest.Run {
	run, n := onnxtest.Run{Batch: batch}, uint64(0)
	for _, T := range lengths {
		ids := make([]int32, T*batch)
		for i := range ids {
			ids[i] = int32(float64(c.Symbols) * tensor.Key{Seed: 7}.Uniform(n))
			n++
		}
		run.Segments = append(run.Segments, ids)
	}
	return run
}

// sampled are a prompt and n symbols drawn from m after it, each a segment of
// its own.
func sampled(t *testing.T, m *sharnn.Model, n int) onnxtest.Run {
	run := draws(m.Config, 1, 9)
	s, err := sharnn.NewSampler(m, sharnn.Sampling{Temperature: 1, TopP: 1, Seed: 3})
	assert.NoError(t, err)
	defer s.Free()
	assert.NoError(t, s.Feed(t.Context(), run.Segments[0]))
	for range n {
		id, err := s.Next()
		assert.NoError(t, err)
		run.Segments = append(run.Segments, []int32{id})
	}
	return run
}

// Every form of the model gives in onnxruntime what it gives here, over carried
// segments whose memory grows beyond the limit, of segments as long as the
// memory and longer, and over 50 symbols one by one.
func TestRuntime(t *testing.T) {
	onnxtest.Python(t)
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, f.config)
			runs := []onnxtest.Run{
				draws(f.config, 1, 7, 12, 5),
				draws(f.config, 3, 5, 10, 6),
				draws(f.config, 2, 1, 16, 3, 20, 1, 16, 20),
				sampled(t, m, 50),
			}
			most := 0.0
			for i, got := range onnxtest.Theirs(t, saved(t, m), runs) {
				most = math.Max(most, onnxtest.Compare(t, onnxtest.Ours(t, m, runs[i]), got, tolerance))
			}
			t.Logf("at most %.1e of the largest", most)
		})
	}
}
