package sharnn_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// The loss and its gradients are those of all logits, which are not held where
// they are many.
func TestLoss(t *testing.T) {
	const T, H = 70, 8
	for symbols, held := range map[int]bool{30: true, 70_000: false} {
		t.Run(fmt.Sprint(symbols), func(t *testing.T) {
			b, err := cpu.New(backend.Config{})
			require.NoError(t, err)
			defer b.Close()
			m, err := sharnn.New(b, tensor.Float32, sharnn.Config{Symbols: symbols, Width: H, Hidden: 16, Layers: 1, Heads: 1}, 1)
			require.NoError(t, err)
			defer m.Free()
			hidden := backend.New(b, tensor.Float32, T, 1, H)
			b.Random(hidden, backend.Dist{Kind: backend.Normal, B: 1}, tensor.Key{Seed: 5})
			index := make([]int32, T)
			for i := range index {
				index[i] = int32(i * 997 % symbols)
			}
			targets := backend.FromSlice(b, index, T, 1)
			defer backend.Release(b, hidden, targets)
			run := func(loss func(h, targets *autograd.Var) *autograd.Var) (values []float64, bytes int64) {
				tape := autograd.NewTape(b, hidden, m.Encoder.Weight.Value, m.Decoder.Value)
				defer tape.Free()
				before := b.LiveBytes()
				h := tape.Leaf(hidden)
				l := loss(h, tape.Leaf(targets))
				bytes = b.LiveBytes() - before
				values = wide(t, b, l.Value)
				grads := tape.Grad(l, h, m.Encoder.Weight.On(tape), m.Decoder.On(tape))
				defer backend.Release(b, grads...)
				for _, g := range grads {
					values = append(values, wide(t, b, g)...)
				}
				return values, bytes
			}
			want, _ := run(func(h, targets *autograd.Var) *autograd.Var { return nn.CrossEntropy(m.Logits(h), targets) })
			got, bytes := run(m.Loss)
			require.Len(t, got, len(want))
			for i, w := range want {
				if !assert.InDelta(t, w, got[i], 1e-6*max(1, math.Abs(w)), "number %d", i) {
					break
				}
			}
			assert.Equal(t, held, bytes >= T*int64(symbols)*4, "%d bytes live after the forward pass", bytes)
		})
	}
}

func wide(t *testing.T, b backend.Backend, x *tensor.Tensor) []float64 {
	t.Helper()
	data, err := backend.Data[float32](b, x)
	require.NoError(t, err)
	out := make([]float64, len(data))
	for i, v := range data {
		out[i] = float64(v)
	}
	return out
}
