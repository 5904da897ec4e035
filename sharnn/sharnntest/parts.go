package sharnntest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
)

// partCase is the part of a layer's case.json that tests read.
type partCase struct {
	Config struct {
		N         int  `json:"n"`
		Width     int  `json:"ninp"`
		Hidden    int  `json:"nhid"`
		Layers    int  `json:"nlayers"`
		Symbols   int  `json:"ntoken"`
		B         int  `json:"B"`
		Positions int  `json:"num_max_positions"`
		Heads     int  `json:"heads"`
		Residual  bool `json:"residual"`
		Attends   bool `json:"use_attn"`
		R         bool `json:"r"`
	} `json:"config"`
	WithoutGrad []string `json:"params_without_grad"`
	Expected    struct {
		Stats map[string]struct {
			Shape     []int
			Mean, Std float64
		}
		Total int `json:"total_params"`
	}
}

// part is one layer on a tape, with its case's inputs and parameters tracked.
type part struct {
	b     backend.Backend
	c     *golden.Case
	tape  *autograd.Tape
	names []string // of the gradients in the case
	wrt   []*autograd.Var
	loss  *autograd.Var
}

func newPart(t *testing.T, b backend.Backend, c *golden.Case, m nn.Module, without []string, inputs map[string][]int) (*part, map[string]*autograd.Var) {
	load(t, b, c, m, "param.")
	t.Cleanup(func() { nn.Free(b, m) })
	p := &part{b: b, c: c, tape: autograd.NewTape(b, nn.Tensors(m)...)}
	skip := map[string]bool{}
	for _, name := range without {
		skip[name] = true
	}
	for name, param := range m.Params() {
		p.wrt = append(p.wrt, param.On(p.tape))
		if skip[name] {
			name = ""
		} else {
			name = "grad." + name
		}
		p.names = append(p.names, name)
	}
	vars := map[string]*autograd.Var{}
	for name, shape := range inputs {
		if !c.Has("input." + name) {
			continue
		}
		v := p.tape.Input(c.Tensor(t, b, "input."+name, shape...))
		vars[name] = v
		p.wrt, p.names = append(p.wrt, v), append(p.names, "grad.input."+name)
	}
	t.Cleanup(p.tape.Free)
	return p, vars
}

// result compares a value and weighs it into the loss by the upstream gradient
// of the case, if it has one.
func (p *part) result(t *testing.T, v *autograd.Var, out, upstream string) {
	golden.Near(t, p.c.Numbers(t, out), golden.Read(t, p.b, v.Value), p.c.Float, out)
	if upstream == "" {
		return
	}
	term := autograd.Sum(autograd.Mul(v, p.tape.Leaf(p.c.Tensor(t, p.b, upstream, v.Shape()...))))
	if p.loss == nil {
		p.loss = term
		return
	}
	p.loss = autograd.Add(p.loss, term)
}

func (p *part) gradients(t *testing.T) {
	for i, g := range p.tape.Grad(p.loss, p.wrt...) {
		if p.names[i] == "" {
			assert.Nil(t, g, "operand %d has a gradient", i)
			continue
		}
		if assert.NotNil(t, g, p.names[i]) {
			golden.Near(t, p.c.Numbers(t, p.names[i]), golden.Read(t, p.b, g), p.c.Float, p.names[i])
		}
		backend.Release(p.b, g)
	}
}

func (s suite) boom(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		boom := &sharnn.Boom{Linear1: nn.NewLinear(b, c.DType, doc.Config.Width, doc.Config.Hidden)}
		if c.Has("param.linear2.weight") {
			boom.Linear2 = nn.NewLinear(b, c.DType, doc.Config.Hidden, doc.Config.Width)
		}
		p, in := newPart(t, b, c, boom, doc.WithoutGrad, map[string][]int{"x": nil})
		p.result(t, boom.Forward(in["x"], backend.Dropout{}), "out.y", "upstream.out")
		p.gradients(t)
	}, "boom*")
}

func (s suite) overparam(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		over := &sharnn.Overparam{L1: nn.NewLinear(b, c.DType, doc.Config.N, 2*doc.Config.N)}
		p, in := newPart(t, b, c, over, doc.WithoutGrad, map[string][]int{"x": nil})
		p.result(t, over.Forward(in["x"]), "out.y", "upstream.out")
		p.gradients(t)
	}, "overparam*")
}

// An attention's keys and values are given once as the same rows, for the
// gradient of both together, and once apart.
func (s suite) attention(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		n := doc.Config.Hidden
		t.Run("together", func(t *testing.T) {
			attn := sharnn.NewAttention(b, c.DType, n, doc.Config.Heads, doc.Config.R)
			p, in := newPart(t, b, c, attn, doc.WithoutGrad, map[string][]int{"query": nil, "bigh": nil})
			rows := []*autograd.Var{in["bigh"]}
			p.result(t, attn.Weights(in["query"], rows), "out.focus", "")
			p.result(t, attn.Forward(in["query"], rows, rows, nil, 0), "out.mix", "upstream.out")
			p.gradients(t)
		})
		t.Run("apart", func(t *testing.T) {
			attn := sharnn.NewAttention(b, c.DType, n, doc.Config.Heads, doc.Config.R)
			p, in := newPart(t, b, c, attn, doc.WithoutGrad, map[string][]int{"query": nil})
			key, value := p.tape.Input(c.Tensor(t, b, "input.bigh")), p.tape.Input(c.Tensor(t, b, "input.bigh"))
			p.wrt = append(p.wrt, key, value)
			p.names = append(p.names, "grad.input.key", "grad.input.value")
			mix := attn.Forward(in["query"], []*autograd.Var{key}, []*autograd.Var{value}, nil, 0)
			p.result(t, mix, "out.mix", "upstream.out")
			p.gradients(t)
		})
	}, "attention*")
}

func (s suite) block(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		state := []int{doc.Config.B, doc.Config.Width}
		block := sharnn.NewBlock(b, c.DType, sharnn.Config{
			Width: doc.Config.Width, Hidden: doc.Config.Hidden, Heads: 1, Residual: doc.Config.Residual,
		}, doc.Config.Attends)
		p, in := newPart(t, b, c, block, doc.WithoutGrad,
			map[string][]int{"x": nil, "hidden.h": state, "hidden.c": state, "mem": nil})
		carry := sharnn.Carry{H: in["hidden.h"], C: in["hidden.c"]}
		if in["mem"] != nil {
			carry.Memory = []*autograd.Var{in["mem"]}
		}
		if c.Has("out.focus") {
			p.result(t, block.Focus(in["x"], carry), "out.focus", "")
		}
		y, next := block.Forward(in["x"], carry, nil, 0)
		p.result(t, y, "out.y", "upstream.y")
		p.result(t, next.H, "out.hidden.h", "")
		p.result(t, next.C, "out.hidden.c", "")
		if c.Has("out.mem") {
			all := autograd.Concat(0, append(carry.Memory, next.Memory...)...)
			rows := all.Value.Dim(0)
			kept := autograd.Slice(all, 0, max(rows-doc.Config.Positions, 0), rows)
			p.result(t, kept, "out.mem", "")
		}
		p.gradients(t)
	}, "block*")
}

func (s suite) collapse(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		attn := sharnn.NewAttention(b, c.DType, doc.Config.Hidden, 1, false)
		t.Cleanup(func() { nn.Free(b, attn) })
		load(t, b, c, attn, "before.param.")
		run := func(out string) {
			tape := autograd.NewTape(b)
			defer tape.Free()
			rows := []*autograd.Var{tape.Leaf(c.Tensor(t, b, "input.bigh"))}
			c.Match(t, b, out, attn.Forward(tape.Leaf(c.Tensor(t, b, "input.query")), rows, rows, nil, 0).Value)
		}
		run("out.before")
		attn.Collapse(b)
		run("out.after")
		for name, param := range attn.Params() {
			c.Match(t, b, "after.param."+name, param.Value)
		}
		assert.Len(t, c.With("after.param."), count(attn))
	}, "vq_collapse*")
}

func count(m nn.Module) int {
	n := 0
	for range m.Params() {
		n++
	}
	return n
}

// Another generator cannot draw the reference's numbers: constants must be
// exact, spreads within 4 standard errors, uniform bounds kept.
func (s suite) initial(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b, doc := s.open(t), partCase{}
		c.Decode(t, &doc)
		attention, err := sharnn.AttentionLayers("one", doc.Config.Layers)
		require.NoError(t, err)
		model, err := sharnn.New(b, c.DType, sharnn.Config{
			Symbols: doc.Config.Symbols, Width: doc.Config.Width, Hidden: doc.Config.Hidden, Layers: doc.Config.Layers,
			Attention: attention, Heads: 1, Memory: 5000,
		}, 3)
		require.NoError(t, err)
		defer model.Free()
		assert.Equal(t, doc.Expected.Total, model.Size(), "parameters")
		left := len(doc.Expected.Stats)
		for name, p := range model.Params() {
			want, ok := doc.Expected.Stats[name]
			require.True(t, ok, "the case has no %s", name)
			left--
			assert.Equal(t, want.Shape, p.Value.Shape, name)
			numbers := golden.Read(t, b, p.Value)
			checkSpread(t, name, numbers, want.Mean, want.Std)
			if strings.Contains(name, ".rnn.") {
				bound := 1 / math.Sqrt(float64(doc.Config.Width))
				assert.LessOrEqual(t, slices.Max(numbers), bound, name)
				assert.GreaterOrEqual(t, slices.Min(numbers), -bound, name)
			}
		}
		if _, tied := doc.Expected.Stats["decoder.weight"]; tied {
			left--
		}
		assert.Zero(t, left, "parameters that the model lacks")
	}, "init_stats*")
}

func checkSpread(t *testing.T, name string, x []float64, mean, std float64) {
	if std == 0 {
		for _, v := range x {
			require.Equal(t, mean, v, name)
		}
		return
	}
	n, sum, squares, fourth := float64(len(x)), 0.0, 0.0, 0.0
	for _, v := range x {
		sum += v
	}
	for _, v := range x {
		d := v - sum/n
		squares += d * d
		fourth += d * d * d * d
	}
	variance := squares / (n - 1)
	// The standard error of a variance is sqrt((m4 - v^2)/n); both sides vary.
	se := math.Sqrt(2*math.Max(fourth/n-variance*variance, 0)/n) / (2 * math.Sqrt(variance))
	assert.InDelta(t, std, math.Sqrt(variance), 4*se, "%s: standard deviation", name)
	assert.InDelta(t, mean, sum/n, 4*math.Sqrt(2*variance/n), "%s: mean", name)
}
