//go:build gpucheck

package bench

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/autograd/gradcheck"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/backendtest"
	_ "github.com/tiller-ml/tiller/backend/cublas"
	"github.com/tiller-ml/tiller/nn/nntest"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/pplm/pplmtest"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/sharnntest"
	"github.com/tiller-ml/tiller/tensor"
)

func openGPU() (backend.Backend, error) { return backend.Open("cublas", backend.Config{}) }

// gpu is a backend of some precision for a test or benchmark.
func gpu(t testing.TB, p backend.Precision) backend.Backend {
	b, err := backend.Open("cublas", backend.Config{Precision: p})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestGPUConformance(t *testing.T) { backendtest.Run(t, openGPU) }

func TestGPUGradients(t *testing.T) {
	b := gpu(t, backend.Full)
	for _, op := range autograd.Ops() {
		if op.VJP == nil && op.Ref == nil {
			continue
		}
		t.Run(op.Name, func(t *testing.T) {
			for _, c := range op.Cases() {
				assert.NoError(t, gradcheck.Op(b, op, c), c.Name)
				if op.Ref != nil {
					assert.True(t, op.Fused(b), "there is no kernel")
					assert.NoError(t, gradcheck.Ref(b, op, c, tensor.Float32, 3e-5), c.Name)
				}
			}
		})
	}
}

func TestGPUGoldenLayers(t *testing.T) { nntest.Golden(t, openGPU) }
func TestGPUGoldenSHARNN(t *testing.T) { sharnntest.Golden(t, openGPU) }
func TestGPUGoldenPPLM(t *testing.T)   { pplmtest.Golden(t, openGPU) }

// agreements are how far the losses of 50 steps may be from the CPU's, relative.
var agreements = map[string]float64{"float32": 1e-4, "tf32": 1e-2, "bf16": 2e-2}

// TestGPUAgreement trains a small model on the CPU and twice on the GPU. Training
// goes the same way, and with the same choices to the last bit.
func TestGPUAgreement(t *testing.T) {
	cpu, err := backend.Open("cpu", backend.Config{})
	require.NoError(t, err)
	defer cpu.Close()
	want := losses(t, cpu)
	require.Less(t, want[len(want)-1], want[0]-0.5, "it learns")
	for _, d := range gpuTypes {
		t.Run(d.name, func(t *testing.T) {
			g := gpu(t, d.precision)
			got := losses(t, g)
			worst := 0.0
			for i, loss := range got {
				worst = max(worst, math.Abs(loss-want[i])/want[i])
			}
			tolerance := agreements[d.name]
			t.Logf("50 steps: losses differ by %.2g at most (tolerance %.0e), from %.4f to %.4f on the CPU",
				worst, tolerance, want[0], want[len(want)-1])
			assert.LessOrEqual(t, worst, tolerance)
			again := gpu(t, d.precision)
			require.NoError(t, again.(backend.Chooser).Choose(g.(backend.Chooser).Choices()))
			assert.Equal(t, got, losses(t, again), "the same run has other bits")
		})
	}
}

// periodic is a text that repeats itself, in each lane with other symbols.
func periodic(row, lane int) int32 {
	phase := row % 13
	return int32((5*phase*phase + lane) % 64)
}

// losses are those of 50 steps with dropout on text that repeats itself.
func losses(t testing.TB, b backend.Backend) []float64 {
	T, B, width := 32, 8, 128
	if *quick {
		T, B, width = 16, 2, 32
	}
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 64, Width: width, Hidden: 4 * width, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 100,
	}, 1)
	require.NoError(t, err)
	defer m.Free()
	state := m.NewState(B)
	defer state.Free()
	tr := newTrained(t, b, m, optim.LAMB, 0.01, 0.25)
	rates := sharnn.Rates{Output: 0.1, Hidden: 0.1, Embedding: 0.1}
	var out []float64
	for step := range uint32(50) {
		in, target := make([]int32, T*B), make([]int32, T*B)
		for i := range in {
			row, lane := i/B+int(step)*T, i%B
			in[i], target[i] = periodic(row, lane), periodic(row+1, lane)
		}
		drop := rates.At(5, step)
		tr.step(func(tape *autograd.Tape) *autograd.Var {
			x, y := tape.Own(backend.FromSlice(b, in, T, B)), tape.Own(backend.FromSlice(b, target, T, B))
			h, next := m.Run(m.Embed(x, drop), state.Carry(tape, T), drop)
			loss := m.Loss(h, y)
			state.Advance(next)
			value, err := backend.Data[float32](b, loss.Value)
			require.NoError(t, err)
			out = append(out, float64(value[0]))
			return loss
		})
	}
	return out
}
