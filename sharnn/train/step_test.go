package main

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
	"github.com/tiller-ml/tiller/tensor"
)

// opened is a learner on the text, as the flags make it.
func opened(t *testing.T, args ...string) (*learner, *texts, *settings) {
	s, _, err := parse(args, &bytes.Buffer{})
	require.NoError(t, err)
	var x texts
	require.NoError(t, x.open(t.Context(), s, nil, nil))
	config, err := s.modelConfig(x.vocab.Len())
	require.NoError(t, err)
	var l learner
	l.backend, err = s.machine.Open()
	require.NoError(t, err)
	t.Cleanup(func() {
		l.free()
		assert.NoError(t, l.backend.Close())
	})
	require.NoError(t, l.open(config, tensor.Float32, s))
	return &l, &x, s
}

// segment runs rows row to row+T-1.
func (l *learner) segment(t *testing.T, x *texts, row, T int, drop sharnn.Dropouts) (float64, []*tensor.Tensor) {
	B := x.stream.Batch
	in, target := make([]int32, T*B), make([]int32, T*B)
	x.stream.Segment(in, target, row, T)
	loss, grads, err := l.gradients(in, target, T, B, drop)
	require.NoError(t, err)
	return loss, grads
}

// A step of two segments has the sum of their gradients and the mean of their
// losses; the state passes from the first to the second, and each has dropout
// masks of its own.
func TestAccumulate(t *testing.T) {
	args := tiny(text(t, 2000), t.TempDir(), "-steps", "1", "-fixed-bptt", "-accumulate", "2", "-dropouth", "0.3")
	l, x, s := opened(t, args...)
	first, sum := l.segment(t, x, 0, 12, s.rates().At(s.seed, 0))
	second, more := l.segment(t, x, 12, 12, s.rates().At(s.seed, 1))
	sum = l.add(sum, more)
	norm := optim.ClipNorm(l.backend, sum, 0)
	backend.Release(l.backend, sum...)

	lines, _ := train(t, args...)
	assert.InDelta(t, (first+second)/2, lines[0].Loss, 1e-12)
	assert.Equal(t, norm, lines[0].GradNorm)
	assert.Equal(t, int64(72), lines[0].Tokens)
}

// Some parameters are in the reference's files and in no loss.
func TestParametersWithoutGradient(t *testing.T) {
	l, x, _ := opened(t, tiny(text(t, 2000), t.TempDir())...)
	_, grads := l.segment(t, x, 0, 12, nil)
	defer backend.Release(l.backend, grads...)
	without := map[string]bool{}
	for i, g := range grads {
		if g == nil {
			without[l.params[i].Name] = true
		}
	}
	assert.True(t, without["blocks.0.lnout.weight"])
	assert.True(t, without["blocks.0.attn.qkvs"])
	assert.False(t, without["encoder.weight"])
}

func TestEpochStartsAfresh(t *testing.T) {
	var rows, epochs []int
	args := tiny(text(t, 300), t.TempDir(), "-epochs", "3", "-fixed-bptt", "-eval-interval", "1000")
	err := run(t.Context(), args, &bytes.Buffer{}, func(tr *trainer, l runlog.Line) {
		if l.Split == "" {
			rows = append(rows, tr.state.MemoryRows(0))
			epochs = append(epochs, l.Epoch)
		}
	})
	require.NoError(t, err)
	epoch := []int{12, 24, 36, 40, 40, 40, 40, 40} // 89 targets a lane: seven segments of 12 and one of 5
	assert.Equal(t, slices.Concat(epoch, epoch, epoch), rows)
	assert.Equal(t, slices.Concat(slices.Repeat([]int{0}, 8), slices.Repeat([]int{1}, 8), slices.Repeat([]int{2}, 8)), epochs)
}

func TestLargest(t *testing.T) {
	l, _, _ := opened(t, tiny(text(t, 2000), t.TempDir())...)
	tensorsOf := func(values ...[]float32) []*tensor.Tensor {
		out := make([]*tensor.Tensor, len(l.params))
		for i, v := range values {
			if v != nil {
				out[i] = backend.FromSlice(l.backend, v, len(v))
			}
		}
		t.Cleanup(func() { backend.Release(l.backend, out...) })
		return out
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		grads []*tensor.Tensor
		index int
		want  float64
	}{
		{tensorsOf([]float32{1, 2}, nil, []float32{-3, 1}), 2, 3},
		{tensorsOf([]float32{1, 2}, []float32{inf}, []float32{3, 1}), 1, math.Inf(1)},
		{tensorsOf([]float32{inf}, []float32{1, nan, 2}, []float32{inf, nan}), 1, math.NaN()},
	} {
		name, size, err := l.largest(c.grads)
		require.NoError(t, err)
		assert.Equal(t, l.params[c.index].Name, name)
		if math.IsNaN(c.want) {
			assert.True(t, math.IsNaN(size))
		} else {
			assert.Equal(t, c.want, size)
		}
	}
}
