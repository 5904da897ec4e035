package nntest

import (
	"testing"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/tensor"
)

// layer is what a golden case of one layer runs: forward records the layer on
// the inputs and names its results; upstream gradients have the case's names.
type layer struct {
	module  nn.Module // nil: no parameters
	inputs  []string
	forward func(in map[string]*autograd.Var) (results []*autograd.Var)
	outputs []string
	grads   []string // upstream gradient of each output
}

// check compares a layer's results and all its gradients.
func (l layer) check(t *testing.T, b backend.Backend, c *golden.Case) {
	track, names := []*tensor.Tensor{}, []string{}
	if l.module != nil {
		for name, p := range l.module.Params() {
			golden.Fill(t, b, p.Value, c.Numbers(t, "param."+name))
			track, names = append(track, p.Value), append(names, "grad."+name)
		}
		t.Cleanup(func() { nn.Free(b, l.module) })
	}
	in := map[string]*tensor.Tensor{}
	for _, name := range l.inputs {
		in[name] = c.Tensor(t, b, "input."+name)
		track, names = append(track, in[name]), append(names, "grad.input."+name)
	}
	tape := autograd.NewTape(b, track...)
	defer tape.Free()
	vars := map[string]*autograd.Var{}
	for name, x := range in {
		vars[name] = tape.Leaf(x)
	}
	var loss *autograd.Var
	for i, y := range l.forward(vars) {
		c.Match(t, b, "out."+l.outputs[i], y.Value)
		term := autograd.Sum(autograd.Mul(autograd.Reshape(y, -1), tape.Leaf(c.Tensor(t, b, "upstream."+l.grads[i], y.Value.Len()))))
		if loss == nil {
			loss = term
			continue
		}
		loss = autograd.Add(loss, term)
	}
	wrt := make([]*autograd.Var, len(track))
	for i, x := range track {
		wrt[i] = tape.Leaf(x)
	}
	for i, g := range tape.Grad(loss, wrt...) {
		c.Match(t, b, names[i], g)
		backend.Release(b, g)
	}
}

func (s suite) gelu(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		layer{
			inputs:  []string{"x"},
			forward: func(in map[string]*autograd.Var) []*autograd.Var { return []*autograd.Var{autograd.GELU(in["x"])} },
			outputs: []string{"y"}, grads: []string{"out"},
		}.check(t, s.open(t), c)
	}, "gelu*")
}

func (s suite) layerNorm(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b := s.open(t)
		var doc struct {
			Config struct {
				N   int     `json:"n"`
				Eps float64 `json:"eps"`
			} `json:"config"`
		}
		c.Decode(t, &doc)
		norm := nn.NewLayerNorm(b, c.DType, doc.Config.N, doc.Config.Eps)
		layer{
			module: norm, inputs: []string{"x"},
			forward: func(in map[string]*autograd.Var) []*autograd.Var { return []*autograd.Var{norm.Forward(in["x"])} },
			outputs: []string{"y"}, grads: []string{"out"},
		}.check(t, b, c)
	}, "layernorm*")
}

func (s suite) lstm(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b := s.open(t)
		var doc struct {
			Config struct {
				N int `json:"n"`
			} `json:"config"`
		}
		c.Decode(t, &doc)
		n := doc.Config.N
		lstm := nn.NewLSTM(b, c.DType, n, n)
		layer{
			module: lstm, inputs: []string{"x", "h0", "c0"},
			forward: func(in map[string]*autograd.Var) []*autograd.Var {
				y, h, cell := lstm.Forward(in["x"], autograd.Reshape(in["h0"], -1, n), autograd.Reshape(in["c0"], -1, n))
				return []*autograd.Var{y, h, cell}
			},
			outputs: []string{"y", "hn", "cn"}, grads: []string{"y", "hn", "cn"},
		}.check(t, b, c)
	}, "lstm*")
}

func (s suite) splitCrossEntropy(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b := s.open(t)
		var doc struct {
			Config struct {
				Hidden int   `json:"hidden"`
				Splits []int `json:"splits"`
			} `json:"config"`
		}
		c.Decode(t, &doc)
		split := nn.NewSplitCrossEntropy(b, c.DType, doc.Config.Hidden, doc.Config.Splits...)
		defer nn.Free(b, split)
		track, names := []*tensor.Tensor{}, []string{}
		for name, p := range split.Params() {
			golden.Fill(t, b, p.Value, c.Numbers(t, "param."+name))
			track, names = append(track, p.Value), append(names, "grad."+name)
		}
		for _, name := range []string{"weight", "bias", "hiddens"} {
			track, names = append(track, c.Tensor(t, b, "input."+name)), append(names, "grad.input."+name)
		}
		tape := autograd.NewTape(b, track...)
		defer tape.Free()
		wrt := make([]*autograd.Var, len(track))
		for i, x := range track {
			wrt[i] = tape.Leaf(x)
		}
		weight, bias, hidden := wrt[len(wrt)-3], wrt[len(wrt)-2], wrt[len(wrt)-1]
		c.Match(t, b, "out.logprob", split.LogProb(hidden, weight, bias).Value)
		loss := split.Loss(hidden, weight, bias, c.Ints(t, "target.tokens"))
		c.Match(t, b, "out.loss", loss.Value)
		for i, g := range tape.Grad(loss, wrt...) {
			c.Match(t, b, names[i], g)
			backend.Release(b, g)
		}
	}, "split_cross_entropy*")
}
