//go:build cgo && linux

package cublas

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cublas/internal/cuda"
	"github.com/tiller-ml/tiller/backend/cublas/internal/sim"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// train makes so many steps with a small model and returns the last loss.
func train(b backend.Backend, steps int) (loss float32, err error) {
	defer tensor.Catch(&err)
	const T, B = 4, 2
	m, err := sharnn.New(b, tensor.Float32, sharnn.Config{
		Symbols: 20, Width: 8, Hidden: 32, Layers: 2, Attention: []int{0}, Heads: 1, Memory: 10,
	}, 1)
	if err != nil {
		return 0, err
	}
	defer m.Free()
	state := m.NewState(B)
	defer state.Free()
	var params []optim.Param
	for name, p := range m.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
	}
	rule, err := optim.New(b, optim.Defaults(optim.LAMB), params)
	if err != nil {
		return 0, err
	}
	defer rule.Free()
	tape := autograd.NewTape(b, nn.Tensors(m)...)
	defer tape.Free()
	for i := range steps {
		if loss, err = step(b, tape, m, state, rule, uint32(i), T, B); err != nil {
			return 0, err
		}
	}
	return loss, b.Sync()
}

func step(b backend.Backend, tape *autograd.Tape, m *sharnn.Model, state *sharnn.State, rule *optim.Optimizer, i uint32, T, B int) (float32, error) {
	defer tape.Reset()
	ids := make([]int32, T*B)
	for k := range ids {
		ids[k] = int32((k*k + int(i)) % 20)
	}
	drop := sharnn.Rates{Output: 0.1, Hidden: 0.1, Embedding: 0.1}.At(3, i)
	x := tape.Own(backend.FromSlice(b, ids, T, B))
	h, next := m.Run(m.Embed(x, drop), state.Carry(tape, T), drop)
	loss := m.Loss(h, x)
	state.Advance(next)
	var wrt []*autograd.Var
	for _, p := range nn.Tensors(m) {
		wrt = append(wrt, tape.Leaf(p))
	}
	grads := tape.Grad(loss, wrt...)
	defer backend.Release(b, grads...)
	optim.ClipNorm(b, grads, 0.25)
	rule.Step(grads, 0.01)
	value, err := backend.Data[float32](b, loss.Value)
	return value[0], err
}

func TestTrainingLeavesNothing(t *testing.T) {
	b := open(t)
	_, err := train(b, 1)
	require.NoError(t, err)
	live, held := b.LiveBytes(), b.memory.pooled
	assert.Zero(t, live)
	for range 3 {
		_, err = train(b, 4)
		require.NoError(t, err)
		assert.Zero(t, b.LiveBytes())
	}
	assert.LessOrEqual(t, b.memory.pooled, held+held/2, "the cache has what one step needs")
}

// TestSameBits: with the same choices training gives the same bits, in whatever
// order blocks and threads run.
func TestSameBits(t *testing.T) {
	m, _ := simulated(t)
	var losses []float32
	for _, reverse := range []bool{false, false, true} {
		b := openOn(t, m)
		m.Reverse(reverse)
		loss, err := train(b, 3)
		require.NoError(t, err)
		losses = append(losses, loss)
		require.NoError(t, b.Close())
	}
	m.Reverse(false)
	assert.Equal(t, losses[0], losses[1])
	assert.Equal(t, losses[0], losses[2], "a kernel's result depends on the order of its threads")
}

func openOn(t *testing.T, m *sim.Machine) *Backend {
	driver, err := cuda.Load(m.Paths())
	require.NoError(t, err)
	b, err := start(driver, backend.Config{})
	require.NoError(t, err)
	return b
}

// TestInjectedFailures makes calls of every kind fail, early and late: each ends
// in an error, of a backend that is as good as before or says that it is dead.
func TestInjectedFailures(t *testing.T) {
	m, _ := simulated(t)
	clean := openOn(t, m)
	want, err := train(clean, 2)
	require.NoError(t, err)
	require.NoError(t, clean.Close())

	for _, c := range []struct {
		name string
		call sim.Call
		code int
	}{
		{"out of memory", sim.Alloc, cuda.OutOfMemory},
		{"allocation", sim.Alloc, 999},
		{"copy", sim.Copy, 1},
		{"launch", sim.Launch, 701},
		{"illegal address", sim.Fault, 700},
		{"launch failed", sim.Fault, 719},
		{"product", sim.Product, 13},
		{"wait", sim.Sync, 719},
		{"compiler", sim.Compile, 6},
		{"module", sim.Module, 209},
		{"function", sim.Function, 500},
	} {
		for _, n := range []int{1, 2, 3, 10, 40, 200} {
			t.Run(fmt.Sprintf("%s %d", c.name, n), func(t *testing.T) {
				m.Reset()
				b := openOn(t, m)
				b.programs.cubins.Folder = "" // each kernel is compiled
				before := m.Calls(c.call)
				m.Fail(c.call, n, c.code)
				_, err := train(b, 2)
				if m.Calls(c.call)-before < n {
					t.Skipf("there are only %d such calls", m.Calls(c.call)-before)
				}
				m.Fail(c.call, 0, 0)
				if err == nil {
					// Where a call was tried again or another way was taken, all is well.
					again, err := train(b, 2)
					require.NoError(t, err)
					require.Equal(t, want, again)
					require.NoError(t, b.Close())
					return
				}
				if dead := b.Sync(); dead != nil {
					assert.ErrorContains(t, err, dead.Error())
					_, again := train(b, 2)
					assert.ErrorContains(t, again, dead.Error(), "it stays dead")
					assert.ErrorContains(t, b.Close(), dead.Error())
					return
				}
				again, err := train(b, 2)
				require.NoError(t, err, "it is as good as before")
				assert.Equal(t, want, again)
				require.NoError(t, b.Close())
				assert.Empty(t, m.Leaks())
			})
		}
	}
}

func TestFailuresToStart(t *testing.T) {
	m, _ := simulated(t)
	for _, call := range []sim.Call{sim.Alloc, sim.HostAlloc, sim.Stream, sim.Event, sim.BLAS, sim.DNN} {
		m.Reset()
		driver, err := cuda.Load(m.Paths())
		require.NoError(t, err)
		m.Fail(call, 1, 2)
		_, err = start(driver, backend.Config{})
		assert.Error(t, err, call)
		assert.Empty(t, m.Leaks(), call)
	}
	m.Reset()
	driver, err := cuda.Load(m.Paths())
	require.NoError(t, err)
	_, err = start(driver, backend.Config{Device: 7})
	assert.ErrorContains(t, err, "no GPU 7: there are 1, counted from 0")
}

func TestOutOfMemory(t *testing.T) {
	m, _ := simulated(t)
	b := openOn(t, m)
	defer b.Close()
	m.Limit(m.Bytes().Live + 40<<20)
	some := backend.New(b, tensor.Float32, 5<<20)
	_, err := b.Alloc(tensor.Float32, 8<<20)
	var out *OutOfMemory
	require.ErrorAs(t, err, &out)
	assert.Equal(t, 32<<20, out.Asked)
	assert.GreaterOrEqual(t, out.Held, 20<<20)
	assert.ErrorContains(t, err, "32.0 MiB")
	assert.ErrorContains(t, err, "-batch_size")
	backend.Release(b, some)
	buf, err := b.Alloc(tensor.Float32, 8<<20)
	require.NoError(t, err, "what the cache holds is given back first")
	b.Free(buf)
}
