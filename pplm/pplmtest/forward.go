package pplmtest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// forwardCase is case.json of a forward pass.
type forwardCase struct {
	*golden.Case `json:"-"`
	Model        string  `json:"model"` // its folder, beside the case
	Loss         float64 `json:"loss"`
	LossPast     float64 `json:"loss_past"`
	SoftLoss     float64 `json:"soft_loss"`
}

// eachForward runs f on each case with its model in float64 and float32.
func (s suite) eachForward(t *testing.T, f func(t *testing.T, c forwardCase, m *gpt2.Model)) {
	golden.Each(t, "pplm", func(t *testing.T, g *golden.Case) {
		for _, d := range []tensor.DType{tensor.Float64, tensor.Float32} {
			t.Run(d.String(), func(t *testing.T) {
				c := forwardCase{Case: g}
				c.Decode(t, &c)
				c.DType, c.Float = d, 1e-10
				if d == tensor.Float32 {
					c.Float = 2e-5
				}
				f(t, c, s.openModel(t, d, filepath.Join(c.Dir, c.Model)))
			})
		}
	}, "gpt2_forward*")
}

// timeFirst shows what the cases hold by sample (B, T, ...) as (T, B, ...).
func timeFirst(x *tensor.Tensor) *tensor.Tensor {
	perm := []int{1, 0, 2}[:x.Rank()]
	return x.Permute(perm...)
}

// match holds got (T, B, ...) against the case's tensor (B, T, ...).
func (c forwardCase) match(t *testing.T, m *gpt2.Model, name string, got *tensor.Tensor) {
	t.Helper()
	require.Equal(t, c.Shape(t, name), timeFirst(got).Shape, name)
	c.Match(t, m.Backend, name, timeFirst(got))
}

// ids are rows from to to of the case's tokens, (T, B); to 0 is all.
func (c forwardCase) ids(t *testing.T, m *gpt2.Model, from, to int) *tensor.Tensor {
	all := c.Tensor(t, m.Backend, "ids")
	if to == 0 {
		to = all.Dim(1)
	}
	rows := backend.Clone(m.Backend, timeFirst(all.Slice(1, from, to)))
	t.Cleanup(func() { backend.Release(m.Backend, rows) })
	return rows
}

// nextTokens is the mean cross-entropy of each of ids but the first under the
// logits before it.
func nextTokens(m *gpt2.Model, hidden *autograd.Var, ids *tensor.Tensor) *autograd.Var {
	t := hidden.Tape()
	n := ids.Dim(0)
	targets := t.Own(backend.Clone(m.Backend, ids.Slice(0, 1, n)))
	return nn.CrossEntropy(m.Logits(autograd.Slice(hidden, 0, 0, n-1)), targets)
}

func (s suite) forward(t *testing.T) {
	s.eachForward(t, func(t *testing.T, c forwardCase, m *gpt2.Model) {
		ids := c.ids(t, m, 0, 0)
		var params []*tensor.Tensor
		for _, p := range m.Params() {
			params = append(params, p.Value)
		}
		tape := autograd.NewTape(m.Backend, params...)
		defer tape.Free()
		layers, next := m.Layers(tape, tape.Leaf(ids), m.Start(ids.Dim(1)))
		for i, h := range layers {
			c.match(t, m, fmt.Sprintf("hidden.%d", i), h.Value)
		}
		hidden := layers[len(layers)-1]
		c.match(t, m, "logits", m.Logits(hidden).Value)
		if c.DType == tensor.Float32 {
			c.match(t, m, "logits_f32", m.Logits(hidden).Value)
		}
		kept := next[0].Keep()
		defer kept.Free()
		c.matchPast(t, m, "past", kept.Moving(0, kept.Rows()))

		loss := nextTokens(m, hidden, ids)
		golden.Near(t, []float64{c.Loss}, golden.Read(t, m.Backend, loss.Value), c.Float, "loss")
		c.matchGradients(t, m, tape, loss)
	})
}

// matchPast holds each layer's keys and values (T, B, H) against name.layer
// (2, B, heads, T, D).
func (c forwardCase) matchPast(t *testing.T, m *gpt2.Model, name string, layers [][]*tensor.Tensor) {
	for i, group := range layers {
		full := fmt.Sprintf("%s.%d", name, i)
		shape := c.Shape(t, full)
		both := backend.New(m.Backend, c.DType, shape...)
		for k, x := range group {
			m.Backend.Copy(both.Slice(0, k, k+1).Reshape(shape[1:]...), byHead(x, shape[2]))
		}
		c.Match(t, m.Backend, full, both)
		backend.Release(m.Backend, both)
	}
}

// matchGradients holds the loss's gradients by all parameters against the case.
func (c forwardCase) matchGradients(t *testing.T, m *gpt2.Model, tape *autograd.Tape, loss *autograd.Var) {
	var names []string
	var wrt []*autograd.Var
	for name, p := range m.Params() {
		names, wrt = append(names, name), append(wrt, p.On(tape))
	}
	for i, g := range tape.Grad(loss, wrt...) {
		require.NotNil(t, g, names[i])
		layout := g
		if g.Rank() == 2 && strings.HasPrefix(names[i], "h.") {
			layout = g.Transpose() // the files have layers' matrices (in, out)
		}
		c.Match(t, m.Backend, "grad."+names[i], layout)
		backend.Release(m.Backend, g)
	}
}

func (s suite) soft(t *testing.T) {
	s.eachForward(t, func(t *testing.T, c forwardCase, m *gpt2.Model) {
		ids := c.ids(t, m, 0, 0)
		tape := autograd.NewTape(m.Backend)
		defer tape.Free()
		_, _, past := m.Step(tape, tape.Leaf(ids), m.Start(ids.Dim(1)))
		probs := backend.Clone(m.Backend, timeFirst(c.Tensor(t, m.Backend, "soft.probs")))
		defer backend.Release(m.Backend, probs)
		in := tape.Input(probs)
		logits, hidden, _ := m.Step(tape, in, past...)
		c.match(t, m, "soft.logits", logits.Value)
		c.match(t, m, "soft.last_hidden", hidden.Value)
		loss := nn.CrossEntropy(logits, tape.Leaf(c.Tensor(t, m.Backend, "soft.targets", 1, ids.Dim(1))))
		golden.Near(t, []float64{c.SoftLoss}, golden.Read(t, m.Backend, loss.Value), c.Float, "loss")
		g := tape.Grad(loss, in)
		c.match(t, m, "soft.grad_probs", g[0])
		backend.Release(m.Backend, g...)
	})
}

func (s suite) pastGradient(t *testing.T) {
	s.eachForward(t, func(t *testing.T, c forwardCase, m *gpt2.Model) {
		before := c.Shape(t, "gradpast.0")[3]
		ids, rest := c.ids(t, m, 0, before), c.ids(t, m, before, 0)
		tape := autograd.NewTape(m.Backend)
		_, _, next := m.Step(tape, tape.Leaf(ids), m.Start(ids.Dim(1)))
		past := next[0].Keep()
		defer past.Free()
		tape.Free()

		tape = autograd.NewTape(m.Backend)
		defer tape.Free()
		var moved [][]*autograd.Var
		var wrt []*autograd.Var
		for _, group := range past.Moving(0, before) {
			vars := []*autograd.Var{tape.Input(group[0]), tape.Input(group[1])}
			moved, wrt = append(moved, vars), append(wrt, vars...)
		}
		_, hidden, _ := m.Step(tape, tape.Leaf(rest), past.With(0, before, moved))
		loss := nextTokens(m, hidden, rest)
		golden.Near(t, []float64{c.LossPast}, golden.Read(t, m.Backend, loss.Value), c.Float, "loss")
		grads := tape.Grad(loss, wrt...)
		var byLayer [][]*tensor.Tensor
		for pair := range slices.Chunk(grads, 2) {
			byLayer = append(byLayer, pair)
		}
		c.matchPast(t, m, "gradpast", byLayer)
		backend.Release(m.Backend, grads...)
	})
}
