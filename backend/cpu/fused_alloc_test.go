// The race detector makes sync.Pool drop what it holds.
//go:build !race

package cpu

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
)

// allocated is how many bytes a call takes from the Go heap once the pools are
// filled: the least of several calls, as workers may still meet an empty one.
func allocated(call func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least := uint64(math.MaxUint64)
	for range 20 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		call()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// The bytes must not grow with the number of steps or of keys.
func TestSteadyAllocations(t *testing.T) {
	b := open(t, 2)
	lstm := newLSTMOperands(lstmCase{T: 64, B: 16, I: 32, H: 64})
	call := lstmCall[float32](b, lstm)
	grads := &backend.LSTMGrads{DX: blank[float32](b, 64, 16, 32), DWhh: blank[float32](b, 256, 64), DBias: blank[float32](b, 256)}
	heads := newAttentionOperands(t, attentionCase{B: 4, heads: 2, T: 150, D: 16, pieces: []int{700, 150}, weights: 0.1, values: 0.1})
	attention, attentionGrad := attentionCall[float32](b, heads, false), attentionGrads[float32](b, heads)
	y, u := blank[float32](b, 300, 16), blank[float32](b, 300, 64)
	x, w, bias := tensorOf[float32](b, numbers(1, 300*16), 300, 16), tensorOf[float32](b, numbers(2, 64*16), 64, 16), tensorOf[float32](b, numbers(3, 64), 64)
	for _, k := range []struct {
		name  string
		bytes uint64
		call  func()
	}{
		{"LSTM", 4 << 10, func() { b.LSTM(call); b.LSTMGrad(call, grads) }},
		{"Attention", 24 << 10, func() { b.Attention(attention); b.AttentionGrad(attention, attentionGrad) }},
		{"Boom", 2 << 10, func() {
			b.Boom(y, u, x, w, bias, backend.Dropout{P: 0.1})
			b.BoomGrad(u, u, y, backend.Dropout{P: 0.1})
		}},
		{"Softmax", 1 << 10, func() { b.Softmax(u, u, false); b.SoftmaxGrad(u, u, u, false) }},
		{"Dropout", 1 << 10, func() { b.Dropout(u, u, backend.Dropout{P: 0.1}) }},
	} {
		t.Run(k.name, func(t *testing.T) {
			got := allocated(k.call)
			t.Logf("%d bytes", got)
			require.LessOrEqual(t, got, k.bytes)
		})
	}
}
