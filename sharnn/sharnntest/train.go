package sharnntest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/nn/optim"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// tolerances of a training run, relative: losses and final parameters.
func (m modelCase) tolerances(c *golden.Case) (losses, params float64) {
	switch {
	case c.DType == tensor.Float64:
		return 1e-9, 1e-9
	case m.Config.Optimizer == "sgd":
		return 5e-4, 5e-3
	}
	return 5e-5, 1e-4
}

// A float64 run is held to its tolerance or, where that is tighter than the
// arithmetic allows, to a few times what the case itself does with an error of
// one unit in the last place of its initial parameters: without a least trust
// ratio LAMB at a high rate multiplies such an error by 10^7 in 30 steps.
func (s suite) training(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b := s.open(t)
		var m modelCase
		c.Decode(t, &m)
		r := newRun(t, b, c, m, m.model(t, b, c, "init.param."))
		r.losses, r.params = m.tolerances(c)
		if c.DType == tensor.Float64 {
			r.allowFor(sensitivity(t, b, c, m))
		}
		for step := 1; step <= m.Config.Steps; step++ {
			r.step(t, step)
			if step == 1 {
				for _, name := range c.With("step1.param.") {
					r.compare(t, "step1.param.", name)
				}
			}
			r.compareTrust(t, step)
		}
		golden.Near(t, c.Numbers(t, "out.losses"), r.lost, r.losses, "losses")
		golden.Near(t, c.Numbers(t, "out.lrs"), r.rates, 1e-12, "learning rates")
		golden.Near(t, c.Numbers(t, "out.grad_norms"), r.norms, 20*r.losses, "gradient norms")
		for name := range r.model.Params() {
			r.compare(t, "final.param.", name)
		}
	}, trainKinds...)
}

// sensitivity is how far the final parameters move, relative to the largest of
// each, when the initial ones are off by up to one unit in the last place.
func sensitivity(t *testing.T, b backend.Backend, c *golden.Case, m modelCase) float64 {
	exact := newRun(t, b, c, m, m.model(t, b, c, "init.param."))
	off := newRun(t, b, c, m, m.model(t, b, c, "init.param."))
	for i, name := range off.names {
		numbers := c.Numbers(t, "init.param."+name)
		for j := range numbers {
			up := tensor.Key{Seed: 5, Site: uint32(i)}.Block(uint64(j))[0] & 1
			numbers[j] = math.Nextafter(numbers[j], math.Inf(int(2*up)-1))
		}
		golden.Fill(t, b, off.values[name].Value, numbers)
	}
	for step := 1; step <= m.Config.Steps; step++ {
		exact.step(t, step)
		off.step(t, step)
	}
	worst := 0.0
	for _, name := range exact.names {
		x, y := golden.Read(t, b, exact.values[name].Value), golden.Read(t, b, off.values[name].Value)
		diff, largest := 0.0, 0.0
		for i := range x {
			diff, largest = math.Max(diff, math.Abs(x[i]-y[i])), math.Max(largest, math.Abs(x[i]))
		}
		if largest > 0 {
			worst = math.Max(worst, diff/largest)
		}
	}
	return worst
}

func (r *run) allowFor(sensitivity float64) {
	if floor := 4 * sensitivity; floor > r.params {
		r.params = floor
	}
}

// run is a training run of the reference's loop.
type run struct {
	b         backend.Backend
	c         *golden.Case
	m         modelCase
	model     *sharnn.Model
	state     *sharnn.State
	optimizer *optim.Optimizer
	schedule  optim.Schedule
	names     []string
	values    map[string]*nn.Param
	t         int

	lost, rates, norms []float64 // by step
	losses, params     float64   // tolerances
}

func newRun(t *testing.T, b backend.Backend, c *golden.Case, m modelCase, model *sharnn.Model) *run {
	r := &run{b: b, c: c, m: m, model: model, values: map[string]*nn.Param{}, t: int(m.Config.T.(float64))}
	var params []optim.Param
	for name, p := range model.Params() {
		params = append(params, optim.Param{Name: name, Value: p.Value})
		r.names = append(r.names, name)
		r.values[name] = p
	}
	config := optim.Defaults(optim.Kind(m.Config.Optimizer))
	config.WeightDecay = m.Config.Decay
	if config.Kind == optim.LAMB {
		config.MinTrust = 0
		if m.Config.LAMB.MinTrust != nil {
			config.MinTrust = *m.Config.LAMB.MinTrust
		}
	}
	var err error
	r.optimizer, err = optim.New(b, config, params)
	require.NoError(t, err)
	t.Cleanup(r.optimizer.Free)
	r.schedule = optim.WarmupCooldown(m.Config.LR, m.Config.Warmup, 0)
	r.state = model.NewState(m.Config.B)
	t.Cleanup(r.state.Free)
	return r
}

func (r *run) step(t *testing.T, step int) {
	tape := autograd.NewTape(r.b, nn.Tensors(r.model)...)
	defer tape.Free()
	lanes, batch := r.c.Ints(t, "input.batchified"), r.m.Config.B
	at := func(row int) *autograd.Var {
		return tape.Own(backend.FromSlice(r.b, lanes[row*batch:(row+r.t)*batch], r.t, batch))
	}
	first := (step - 1) * r.t
	h, next := r.model.Run(r.model.Embed(at(first), nil), r.state.Carry(tape, r.t), nil)
	loss := r.model.Loss(h, at(first+1))
	r.lost = append(r.lost, golden.Read(t, r.b, loss.Value)[0])
	r.state.Advance(next)
	var wrt []*autograd.Var
	for _, name := range r.names {
		wrt = append(wrt, r.values[name].On(tape))
	}
	grads := tape.Grad(loss, wrt...)
	defer backend.Release(r.b, grads...)
	r.norms = append(r.norms, optim.ClipNorm(r.b, grads, r.m.Config.Clip))
	r.rates = append(r.rates, r.schedule(step))
	r.optimizer.Step(grads, r.schedule(step))
}

// compare holds a parameter against the case's; those that never get a gradient
// must be what they were to the last bit.
func (r *run) compare(t *testing.T, prefix, name string) {
	tol := r.params
	for _, n := range r.m.NeverUpdated {
		if n == name {
			tol = 0
		}
	}
	want := prefix + name
	if !r.c.Has(want) {
		if tol != 0 {
			return // a case may hold some of the final parameters only
		}
		want = "init.param." + name
	}
	golden.Near(t, r.c.Numbers(t, want), golden.Read(t, r.b, r.values[name].Value), tol, want)
}

// compareTrust holds LAMB's ratios and norms against the case's, where it has
// them for this step.
func (r *run) compareTrust(t *testing.T, step int) {
	steps, _ := r.m.Expected["lamb"].(map[string]any)
	want, ok := steps[fmt.Sprint(step)].(map[string]any)
	if !ok {
		return
	}
	tol := r.params
	got := map[string]optim.Trust{}
	for i, name := range r.names {
		got[name] = r.optimizer.Trust[i]
	}
	near := func(kind string, pick func(optim.Trust) float64) {
		for name, v := range want[kind].(map[string]any) {
			golden.Near(t, []float64{v.(float64)}, []float64{pick(got[name])}, 10*tol, strings.Join([]string{kind, name}, " of "))
		}
	}
	near("trust_ratio", func(x optim.Trust) float64 { return x.Ratio })
	near("weight_norm", func(x optim.Trust) float64 { return x.WeightNorm })
	near("adam_norm", func(x optim.Trust) float64 { return x.AdamNorm })
	assert.Len(t, want["trust_ratio"], len(r.names)-len(r.m.NeverUpdated))
}
