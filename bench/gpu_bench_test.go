//go:build gpucheck

package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// gpuTypes are what products are computed in, by the names of sharnn/train's
// -dtype.
var gpuTypes = []struct {
	name      string
	precision backend.Precision
}{
	{"float32", backend.Full}, {"tf32", backend.TF32}, {"bf16", backend.BF16},
}

// paper is the size of the paper's model and of its segments, or a small one.
func paper() (width, T, B, memory int) {
	if *quick {
		return 64, 16, 4, 48
	}
	return 1024, 1024, 16, 5000
}

// loopGPU times step and the device's work for it.
func loopGPU(b *testing.B, gpu backend.Backend, tokens int, step func()) {
	once := func() {
		step()
		require.NoError(b, gpu.Sync())
	}
	for range 3 {
		once()
	}
	for b.Loop() {
		once()
	}
	b.ReportMetric(float64(tokens)*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	reportPeak(b, gpu)
}

// reportPeak reports the most that a backend has held of its device's memory.
func reportPeak(b *testing.B, gpu backend.Backend) {
	b.ReportMetric(float64(gpu.(interface{ PeakBytes() int64 }).PeakBytes())/(1<<30), "GiB")
}

// BenchmarkGPULSTM is a layer forward and backward by each way of computing it.
func BenchmarkGPULSTM(b *testing.B) {
	width, T, B, _ := paper()
	for _, d := range gpuTypes {
		choice := fmt.Sprintf("lstm %s %d %d %d %d", d.name, T, B, width, width) // see the backend's Choices
		for _, way := range []string{"steps", "cudnn", "persistent"} {
			b.Run(fmt.Sprintf("T=%d/B=%d/H=%d/dtype=%s/way=%s", T, B, width, d.name, way), func(b *testing.B) {
				g := gpu(b, d.precision)
				wanted := map[string]string{choice: way}
				if err := g.(backend.Chooser).Choose(wanted); err != nil {
					b.Skip(err)
				}
				once, free := newLSTMStep(g, width, T, B)
				defer free()
				loopGPU(b, g, T*B, once)
				require.Equal(b, wanted, g.(backend.Chooser).Choices(), "the device lacks this way")
			})
		}
	}
}

// newLSTMStep is a layer's pass forward and backward, with all gradients.
func newLSTMStep(g backend.Backend, width, T, B int) (once, free func()) {
	l := nn.NewLSTM(g, tensor.Float32, width, width)
	values := nn.Tensors(l)
	for i, x := range values {
		g.Random(x, backend.Dist{Kind: backend.Uniform, A: -0.03, B: 0.03}, tensor.Key{Seed: uint64(i)})
	}
	x := backend.New(g, tensor.Float32, T, B, width)
	g.Random(x, backend.Dist{Kind: backend.Uniform, A: -1, B: 1}, tensor.Key{Seed: 9})
	h := backend.Zeros(g, tensor.Float32, B, width)
	tracked := append([]*tensor.Tensor{x, h}, values...)
	tape := autograd.NewTape(g, tracked...)
	once = func() {
		defer tape.Reset()
		wrt := make([]*autograd.Var, len(tracked))
		for i, v := range tracked {
			wrt[i] = tape.Leaf(v)
		}
		y, _, _ := l.Forward(wrt[0], wrt[1], wrt[1])
		backend.Release(g, tape.Grad(autograd.Sum(y), wrt...)...)
	}
	return once, func() {
		tape.Free()
		nn.Free(g, l)
		backend.Release(g, x, h)
	}
}

// BenchmarkGPUTrain is a step of the paper's model with its dropout, clipping and
// LAMB, when the memory is full.
func BenchmarkGPUTrain(b *testing.B) {
	width, T, B, memory := paper()
	for _, d := range gpuTypes {
		b.Run(fmt.Sprintf("emsize=%d/rows=%d/T=%d/B=%d/dtype=%s", width, memory, T, B, d.name), func(b *testing.B) {
			g := gpu(b, d.precision)
			m, err := sharnn.New(g, tensor.Float32, sharnn.Config{
				Symbols: symbols, Width: width, Hidden: 4 * width, Layers: layers, Attention: []int{layers - 2}, Heads: 1, Memory: memory,
			}, 1)
			require.NoError(b, err)
			defer m.Free()
			state := m.NewState(B)
			defer state.Free()
			tr := newTrained(b, g, m, optim.LAMB, 0.002, 0.25)
			ids := drawn(g, symbols, T+1, B)
			defer backend.Release(g, ids)
			step := uint32(0)
			once := func() {
				drop := sharnn.Rates{Output: 0.1, Hidden: 0.1, Embedding: 0.1}.At(1, step)
				step++
				tr.step(func(tape *autograd.Tape) *autograd.Var {
					x, y := tape.Leaf(ids.Slice(0, 0, T)), tape.Leaf(ids.Slice(0, 1, T+1))
					h, next := m.Run(m.Embed(x, drop), state.Carry(tape, T), drop)
					loss := m.Loss(h, y)
					state.Advance(next)
					return loss
				})
			}
			for state.MemoryRows(layers-2) < memory-T {
				once()
			}
			loopGPU(b, g, T*B, once)
			b.Log("chosen:", g.(backend.Chooser).Choices())
		})
	}
}

// BenchmarkGPUDecode draws one symbol after another with a full memory.
func BenchmarkGPUDecode(b *testing.B) {
	width, _, _, memory := paper()
	for _, d := range gpuTypes {
		b.Run(fmt.Sprintf("emsize=%d/rows=%d/dtype=%s", width, memory, d.name), func(b *testing.B) {
			g := gpu(b, d.precision)
			decode(b, newModel(b, g, width, memory, 1), memory)
			reportPeak(b, g)
		})
	}
}

// steered is the GPT-2 that is steered.
func steered() (name string, size gpt2.Config) {
	if *quick {
		return "tiny", gpt2.Config{Vocabulary: 1000, Positions: 128, Width: 32, Layers: 2, Heads: 2, Eps: 1e-5}
	}
	return "355M", gpt2Sizes["355M"]
}

// BenchmarkGPUSample is a token of an unsteered text.
func BenchmarkGPUSample(b *testing.B) { benchGPT2(b, 0) }

// BenchmarkGPUSteer is a token of a text steered as in BenchmarkSteer.
func BenchmarkGPUSteer(b *testing.B) { benchGPT2(b, 3) }

func benchGPT2(b *testing.B, iterations int) {
	name, size := steered()
	for _, d := range storedTypes {
		b.Run(fmt.Sprintf("model=%s/iterations=%d/dtype=%v", name, iterations, d), func(b *testing.B) {
			g := gpu(b, backend.Full)
			m := openGPT2(b, g, d, size)
			defer func() { require.NoError(b, m.Free()) }()
			generate(b, m, 1, iterations)
			reportPeak(b, g)
		})
	}
}
