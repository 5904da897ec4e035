package gpt2

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// frozen counts what a backward pass does with weights.
type frozen struct {
	*cpu.Backend
	t     *testing.T
	reads map[tensor.Buffer]int // as the right factor of a product, or in a lookup
}

func (f *frozen) MatMul(dst, a, b *tensor.Tensor, accumulate bool) {
	f.reads[b.Buf]++
	assert.Less(f.t, dst.Len(), 36*36, "a product as large as a matrix' gradient: %v", dst.Shape)
	f.Backend.MatMul(dst, a, b, accumulate)
}

func (f *frozen) Gather(dst, table, index *tensor.Tensor) {
	f.reads[table.Buf]++
	f.Backend.Gather(dst, table, index)
}

func (f *frozen) ScatterAdd(dst, src, index *tensor.Tensor) { f.t.Error("an embedding's gradient") }

func (f *frozen) Reduce(r backend.Reduce, dst, x *tensor.Tensor) {
	assert.Less(f.t, dst.Len(), 36, "a sum as long as a bias' gradient: %v", dst.Shape)
	f.Backend.Reduce(r, dst, x)
}

func (f *frozen) LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy *tensor.Tensor) {
	assert.True(f.t, dw == nil && db == nil, "a layer norm's gradient")
	f.Backend.LayerNormGrad(dx, dw, db, x, w, mean, rstd, dy)
}

// A gradient by the past reads each matrix once forward and once backward and
// computes nothing for any weight.
func TestFrozen(t *testing.T) {
	for _, d := range dtypes {
		t.Run(d.String(), func(t *testing.T) {
			inner, err := cpu.New(backend.Config{})
			require.NoError(t, err)
			defer inner.Close()
			m := newModel(t, inner, d)
			_, s := read(t, m, m.Start(1), tokens(m, 9, 1), 1)
			defer s.Free()

			f := &frozen{inner, t, map[tensor.Buffer]int{}}
			tape := autograd.NewTape(f)
			defer tape.Free()
			var moved [][]*autograd.Var
			var wrt []*autograd.Var
			for _, group := range s.Moving(4, 9) {
				vars := []*autograd.Var{tape.Input(group[0]), tape.Input(group[1])}
				moved, wrt = append(moved, vars), append(wrt, vars...)
			}
			in := tape.Own(backend.FromSlice(inner, []int32{5}, 1, 1))
			target := tape.Own(backend.FromSlice(inner, []int32{6}, 1, 1))
			logits, _, _ := m.Step(tape, in, s.With(4, 9, moved))
			grads := tape.Grad(nn.CrossEntropy(logits, target), wrt...)
			for _, g := range grads {
				assert.NotNil(t, g)
			}
			backend.Release(inner, grads...)
			for _, p := range m.slots() {
				if len(p.shape) == 1 || p.name == "wpe.weight" {
					continue
				}
				want := 2
				switch p.name {
				case "h.0.attn.c_attn.weight": // before anything that moves
					want = 1
				case "wte.weight": // the input's embedding besides
					want = 3
				}
				assert.Equal(t, want, f.reads[p.param.Value.Buf], p.name)
			}
		})
	}
}
