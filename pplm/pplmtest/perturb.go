package pplmtest

import (
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/tensor"
)

// perturbCase is case.json of calls of the reference's perturb_past.
type perturbCase struct {
	*golden.Case `json:"-"`
	Model        string      `json:"model"`
	Bags         [][][]int32 `json:"bow_indices"`
	Variants     []variant   `json:"variants"`
}

type variant struct {
	Name    string      `json:"name"`
	Args    arguments   `json:"args"`
	Sharp   float64     `json:"sharp"`
	NormsIn []float64   `json:"grad_norms_in"`
	Losses  []float64   `json:"loss_per_iter_f32"`
	Raw     [][]float64 `json:"raw_norm_per_iter_f32"`
	Out     []float64   `json:"grad_norms_out_f32"`

	DoubleLosses []float64   `json:"loss_per_iter_f64"`
	DoubleRaw    [][]float64 `json:"raw_norm_per_iter_f64"`
	DoubleOut    []float64   `json:"grad_norms_out_f64"`
}

func (s suite) perturb(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		p := perturbCase{Case: c}
		c.Decode(t, &p)
		for _, v := range p.Variants {
			t.Run(v.Name, func(t *testing.T) {
				s.bothTypes(t, c, p.Model, func(t *testing.T, m *gpt2.Model, name string, tolerance float64) {
					if name == "f64" {
						v.Losses, v.Raw, v.Out = v.DoubleLosses, v.DoubleRaw, v.DoubleOut
					}
					p.run(t, m, v, name, tolerance)
				})
			})
		}
	}, "perturb_past_*")
}

// input is an argument of the call in the dtype of that name.
func (p perturbCase) input(name, argument string) string {
	if name == "f64" {
		return "f64." + argument
	}
	return argument
}

// watched is an attribute that keeps what it is given in its last call.
type watched struct {
	pplm.Attribute
	sum []float64 // of the hidden states, those of the look-ahead included
}

func (w *watched) Loss(c *pplm.Context) *autograd.Var {
	loss, n, sum := w.Attribute.Loss(c), c.Counts[0]+1, autograd.Add(c.Past, c.Hidden)
	if d, ok := w.Attribute.(*pplm.Discriminator); ok {
		n += d.Horizon
		sum = autograd.Scale(c.Mean(d.Horizon), float64(n))
	}
	w.sum = nil
	wide := backend.New(c.Tape.Backend, tensor.Float64, sum.Shape()...)
	defer backend.Release(c.Tape.Backend, wide)
	c.Tape.Backend.Copy(wide, sum.Value)
	w.sum, _ = backend.Data[float64](c.Tape.Backend, wide)
	return loss
}

func (p perturbCase) run(t *testing.T, m *gpt2.Model, v variant, name string, tolerance float64) {
	b, text := m.Backend, p.Ints(t, "ids")
	p.Case.DType = m.Info().DType
	n := len(text) - 1
	steered, plain := p.state(t, m, p.input(name, "past"), n), p.state(t, m, p.input(name, "unpert_past"), n+1)
	last := backend.FromSlice(b, text[n:], 1, 1)
	past := p.Tensor(t, b, p.input(name, "accumulated_hidden"))
	probs := p.probs(t, b, p.input(name, "unpert_logits"), v.Sharp)
	defer backend.Release(b, last, probs)
	defer plain.Free()

	attributes := v.Args.attributes(t, p.Bags, caseHead(t, p.Case))
	settings := v.Args.settings()
	if v.Args.Loss == withBags {
		settings.Norm = pplm.RunningNorm // what is watched is no bag
	}
	w := &watched{Attribute: attributes[len(attributes)-1]}
	attributes[len(attributes)-1] = w
	perturber := pplm.NewPerturber(m, attributes, settings)
	defer perturber.Free()
	moment := &pplm.Moment{Steered: steered, Plain: plain, Probs: probs, Past: past, Count: n, Tokens: [][]int32{text}}
	if v.NormsIn != nil {
		moment.Largest = byLayer(v.NormsIn)
	}
	reports, err := perturber.Perturb(t.Context(), moment)
	require.NoError(t, err)
	r := reports[0]
	require.NoError(t, r.Err)

	require.Len(t, r.Losses, len(v.Losses))
	for i, want := range v.Losses {
		golden.Near(t, []float64{want}, r.Losses[i], tolerance, fmt.Sprintf("loss %d", i))
		golden.Near(t, v.Raw[i], flat(r.Norms[i]), tolerance, fmt.Sprintf("norms %d", i))
	}
	golden.Near(t, v.Out, flat(moment.Largest), tolerance, "grad_norms_out")
	golden.Near(t, p.Numbers(t, v.Name+"."+name+".new_accumulated_hidden"), w.sum, tolerance, "new_accumulated_hidden")
	p.matchMoved(t, m, steered, v.Name+"."+name+".pert_past", tolerance)
	p.matchLogits(t, m, steered, last, v.Name+"."+name+".pert_logits", tolerance)
}

// state holds the case's keys and values name.layer (2, 1, heads, n, D).
func (p perturbCase) state(t *testing.T, m *gpt2.Model, name string, n int) pplm.State {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	_, _, next := m.Step(tape, tape.Own(backend.FromSlice(m.Backend, make([]int32, n), n, 1)), m.Start(1))
	s := next[0].Keep()
	for layer, group := range s.Moving(0, n) {
		x := p.Tensor(t, m.Backend, fmt.Sprintf("%s.%d", name, layer))
		for k, dst := range group {
			m.Backend.Copy(byHead(dst, x.Dim(2)), x.Slice(0, k, k+1).Reshape(x.Shape[1:]...))
		}
	}
	return s
}

// byHead shows (T, B, H) as (B, heads, T, D).
func byHead(x *tensor.Tensor, heads int) *tensor.Tensor {
	return x.Reshape(x.Dim(0), x.Dim(1), heads, x.Dim(2)/heads).Permute(1, 2, 0, 3)
}

// matchMoved compares a state with name.layer.
func (p perturbCase) matchMoved(t *testing.T, m *gpt2.Model, s pplm.State, name string, tolerance float64) {
	for layer, group := range s.Moving(0, s.Rows()) {
		full := fmt.Sprintf("%s.%d", name, layer)
		heads := p.Shape(t, full)[2]
		var got []float64
		for _, x := range group {
			got = append(got, golden.Read(t, m.Backend, byHead(x, heads))...)
		}
		golden.Near(t, p.Numbers(t, full), got, tolerance, full)
	}
}

// matchLogits compares what the moved state expects after last, and frees it.
func (p perturbCase) matchLogits(t *testing.T, m *gpt2.Model, s pplm.State, last *tensor.Tensor, name string, tolerance float64) {
	tape := autograd.NewTape(m.Backend)
	defer tape.Free()
	logits, _, next := m.Step(tape, tape.Leaf(last), s)
	if p.Has(name) {
		golden.Near(t, p.Numbers(t, name), golden.Read(t, m.Backend, logits.Value), tolerance, name)
	}
	next[0].Keep().Free()
}

// probs are the softmax of the last row of logits (1, T, V), made sharper.
func (p perturbCase) probs(t *testing.T, b backend.Backend, name string, sharp float64) *tensor.Tensor {
	logits := p.Tensor(t, b, name)
	tape := autograd.NewTape(b)
	defer tape.Free()
	if sharp == 0 {
		sharp = 1
	}
	n := logits.Dim(1)
	row := autograd.Reshape(autograd.Slice(tape.Leaf(logits), 1, n-1, n), 1, -1)
	return autograd.Keep(autograd.Softmax(autograd.Scale(row, sharp)))
}

func byLayer(norms []float64) (out [][]float64) {
	for _, n := range norms {
		out = append(out, []float64{n})
	}
	return out
}

// flat are the norms of a batch of one.
func flat(norms [][]float64) (out []float64) {
	for _, layer := range norms {
		out = append(out, layer...)
	}
	return out
}

// The gradient itself, from one move: delta = -step * g / norm^gamma.
func (s suite) perturbGradient(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		p := perturbCase{Case: c}
		c.Decode(t, &p)
		for _, v := range p.Variants {
			if c.Has(v.Name + ".f64.grad_iter0.0") {
				t.Run(v.Name, func(t *testing.T) {
					p.runGradient(t, s.openModel(t, tensor.Float64, filepath.Join(p.Dir, p.Model)), v)
				})
			}
		}
	}, "perturb_past_*")
}

func (p perturbCase) runGradient(t *testing.T, m *gpt2.Model, v variant) {
	b, text := m.Backend, p.Ints(t, "ids")
	p.Case.DType = tensor.Float64
	n := len(text) - 1
	steered, plain := p.state(t, m, "f64.past", n), p.state(t, m, "f64.unpert_past", n+1)
	probs := p.probs(t, b, "f64.unpert_logits", v.Sharp)
	defer backend.Release(b, probs)
	defer plain.Free()
	defer steered.Free()
	settings := v.Args.settings()
	settings.Iterations, settings.Gamma, settings.StepSize = 1, 0, 1e3 // so that little is lost in the past's digits
	perturber := pplm.NewPerturber(m, v.Args.attributes(t, p.Bags, caseHead(t, p.Case)), settings)
	defer perturber.Free()
	before := map[int][]float64{}
	for layer, group := range steered.Moving(0, n) {
		for _, x := range group {
			before[layer] = append(before[layer], golden.Read(t, b, byHead(x, m.Config.Heads))...)
		}
	}
	reports, err := perturber.Perturb(t.Context(), &pplm.Moment{
		Steered: steered, Plain: plain, Probs: probs, Past: p.Tensor(t, b, "f64.accumulated_hidden"), Count: n, Tokens: [][]int32{text},
	})
	require.NoError(t, err)
	require.NoError(t, reports[0].Err)
	for layer, group := range steered.Moving(0, n) {
		var g []float64
		for _, x := range group {
			g = append(g, golden.Read(t, b, byHead(x, m.Config.Heads))...)
		}
		largest := 0.0
		for i := range g {
			g[i] = (before[layer][i] - g[i]) / settings.StepSize
			largest = math.Max(largest, math.Abs(g[i]))
		}
		assert.Positive(t, largest)
		golden.Near(t, p.Numbers(t, fmt.Sprintf("%s.f64.grad_iter0.%d", v.Name, layer)), g, 1e-10, "gradient")
	}
}
