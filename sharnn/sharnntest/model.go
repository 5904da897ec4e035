package sharnntest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn"
	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/tensor"
)

// The kinds of cases, as the folders are named. Those of single layers that nn
// has are in nn's golden tests.
var (
	modelKinds = []string{"forward_backward*", "all_attention*", "residual*", "dropout_masks*", "segments*"}
	trainKinds = []string{"train_*"}
	partKinds  = []string{"attention*", "block*", "boom*", "overparam*", "vq_collapse*", "init_stats*"}
	nnKinds    = []string{"gelu*", "layernorm*", "lstm*", "split_cross_entropy*"}
)

func (s suite) kinds(t *testing.T) {
	for _, name := range golden.Names(t, "sharnn") {
		claimed := false
		for _, kinds := range [][]string{modelKinds, trainKinds, partKinds, nnKinds} {
			for _, k := range kinds {
				claimed = claimed || strings.HasPrefix(name, strings.TrimSuffix(k, "*"))
			}
		}
		assert.True(t, claimed, "no test runs the case %s", name)
	}
}

// modelCase is the part of a model's case.json that tests read.
type modelCase struct {
	Config struct {
		Width     int     `json:"ninp"`
		Hidden    int     `json:"nhid"`
		Layers    int     `json:"nlayers"`
		Symbols   int     `json:"ntoken"`
		Positions int     `json:"num_max_positions"`
		Heads     int     `json:"heads"`
		Attention []int   `json:"attn_layers"`
		Residual  bool    `json:"residual"`
		Dropout   float64 `json:"dropout"`
		LR        float64 `json:"lr"`
		Decay     float64 `json:"weight_decay"`
		Clip      float64 `json:"clip"`
		Warmup    int     `json:"warmup"`
		Steps     int     `json:"steps"`
		T         any     `json:"T"`
		B         int     `json:"B"`
		Optimizer string  `json:"optimizer"`
		LAMB      lamb    `json:"lamb"`
	} `json:"config"`
	WithoutGrad  []string `json:"params_without_grad"`
	NeverUpdated []string `json:"params_never_updated"`
	Memory       []struct {
		Used int `json:"mem_used_after_trim"`
		Out  int `json:"mem_out"`
	} `json:"memory_lengths"`
	Masks []struct {
		Tensor, Place string
		P             float64
	} `json:"masks_in_order"`
	Expected map[string]any `json:"expected"`
}

type lamb struct {
	MinTrust *float64 `json:"min_trust"`
}

func (m modelCase) model(t *testing.T, b backend.Backend, c *golden.Case, prefix string) *sharnn.Model {
	model, err := sharnn.New(b, c.DType, sharnn.Config{
		Symbols: m.Config.Symbols, Width: m.Config.Width, Hidden: m.Config.Hidden, Layers: m.Config.Layers,
		Attention: m.Config.Attention, Heads: m.Config.Heads, Memory: m.Config.Positions,
		Residual: m.Config.Residual, MemoryQuirk: strings.Contains(c.Name, "quirk"),
	}, 1)
	require.NoError(t, err)
	t.Cleanup(model.Free)
	load(t, b, c, model, prefix)
	return model
}

// load fills a module's parameters with the case's tensors of the same names
// and wants no name on either side to be left over.
func load(t *testing.T, b backend.Backend, c *golden.Case, m nn.Module, prefix string) {
	left := map[string]bool{}
	for _, name := range c.With(prefix) {
		left[name] = true
	}
	delete(left, "decoder.weight") // the tied matrix again
	for name, p := range m.Params() {
		require.True(t, left[name], "the case has no parameter %s", name)
		delete(left, name)
		require.Equal(t, c.Shape(t, prefix+name), p.Value.Shape, name)
		golden.Fill(t, b, p.Value, c.Numbers(t, prefix+name))
	}
	assert.Empty(t, left, "parameters of the case that the model lacks")
}

func (s suite) model(t *testing.T) {
	golden.Each(t, "sharnn", func(t *testing.T, c *golden.Case) {
		b := s.open(t)
		var m modelCase
		c.Decode(t, &m)
		model := m.model(t, b, c, "param.")
		drop := m.dropouts(t, b, c)
		segments := []string{""}
		if !c.Has("input.tokens") {
			segments = segments[:0]
			for i := 0; c.Has(fmt.Sprintf("seg%d.input.tokens", i)); i++ {
				segments = append(segments, fmt.Sprintf("seg%d.", i))
			}
			require.Len(t, segments, len(m.Memory))
		}
		state := model.NewState(m.Config.B)
		defer state.Free()
		seed(t, b, c, model, state)
		for i, prefix := range segments {
			last := i == len(segments)-1
			m.segment(t, b, c, model, state, drop, prefix, last)
			for block := range model.Blocks {
				if name := fmt.Sprintf("%sout.mems.%d", prefix, block); c.Has(name) {
					assert.Equal(t, c.Shape(t, name)[0], state.MemoryRows(block), name)
					c.Match(t, b, name, memoryRows(t, b, state, block))
				}
			}
		}
	}, modelKinds...)
}

// segment runs one segment and compares its results, and, for the last one, all
// gradients.
func (m modelCase) segment(t *testing.T, b backend.Backend, c *golden.Case, model *sharnn.Model, state *sharnn.State, drop sharnn.Dropouts, prefix string, last bool) {
	tape := autograd.NewTape(b, nn.Tensors(model)...)
	defer tape.Free()
	tokens := c.Tensor(t, b, prefix+"input.tokens")
	carry := state.Carry(tape, tokens.Dim(0))
	h, next := model.Run(model.Embed(tape.Leaf(tokens), drop), carry, drop)
	logits := model.Logits(h)
	loss := nn.CrossEntropy(logits, tape.Leaf(c.Tensor(t, b, prefix+"target.tokens")))
	c.Match(t, b, prefix+"out.h", h.Value)
	c.Match(t, b, prefix+"out.logits", logits.Value)
	c.Match(t, b, prefix+"out.loss", loss.Value)
	for i, k := range next {
		c.Match(t, b, fmt.Sprintf("%sout.hidden.%d.h", prefix, i), k.H.Value)
		c.Match(t, b, fmt.Sprintf("%sout.hidden.%d.c", prefix, i), k.C.Value)
	}
	state.Advance(next)
	if !last {
		return
	}
	without := map[string]bool{}
	for _, name := range m.WithoutGrad {
		without[name] = true
	}
	var names []string
	var wrt []*autograd.Var
	for name, p := range model.Params() {
		names, wrt = append(names, name), append(wrt, p.On(tape))
	}
	for i, g := range tape.Grad(loss, wrt...) {
		if without[names[i]] {
			assert.Nil(t, g, "%s has a gradient", names[i])
			continue
		}
		c.Match(t, b, "grad."+names[i], g)
		if names[i] == "encoder.weight" && c.Has("grad.decoder.weight") {
			c.Match(t, b, "grad.decoder.weight", g)
		}
		backend.Release(b, g)
	}
}

// dropouts are the case's stored masks, if it has any.
func (m modelCase) dropouts(t *testing.T, b backend.Backend, c *golden.Case) sharnn.Dropouts {
	if len(m.Masks) == 0 {
		return nil
	}
	masks := map[string]*tensor.Tensor{}
	for _, k := range m.Masks {
		masks[k.Place] = c.Tensor(t, b, k.Tensor)
	}
	used := map[string]bool{}
	t.Cleanup(func() { assert.Len(t, used, len(masks), "masks that no dropout asked for") })
	return func(p sharnn.Place) backend.Dropout {
		if p.Site == sharnn.SiteRecurrent {
			return backend.Dropout{} // the reference's program drops these, not its model
		}
		mask := masks[p.String()]
		require.NotNil(t, mask, "no mask for %v", p)
		used[p.String()] = true
		return backend.Dropout{P: 0.5, Mask: mask}
	}
}

// seed gives the state the case's hidden state and memory, if it has any.
func seed(t *testing.T, b backend.Backend, c *golden.Case, model *sharnn.Model, state *sharnn.State) {
	if !c.Has("input.hidden.0.h") {
		return
	}
	tape := autograd.NewTape(b)
	defer tape.Free()
	carry := make([]sharnn.Carry, len(model.Blocks))
	for i := range carry {
		batch := c.Shape(t, "input.hidden.0.h")[1]
		leaf := func(part string) *autograd.Var {
			return tape.Leaf(c.Tensor(t, b, fmt.Sprintf("input.hidden.%d.%s", i, part), batch, model.Config.Width))
		}
		carry[i] = sharnn.Carry{H: leaf("h"), C: leaf("c")}
		if name := fmt.Sprintf("input.mems.%d", i); c.Has(name) {
			carry[i].Memory = []*autograd.Var{tape.Leaf(c.Tensor(t, b, name))}
		}
	}
	state.Advance(carry)
}

// memoryRows are a block's memory (M, B, H) in one tensor.
func memoryRows(t *testing.T, b backend.Backend, state *sharnn.State, block int) *tensor.Tensor {
	tape := autograd.NewTape(b)
	defer tape.Free()
	pieces := state.Carry(tape, 0)[block].Memory
	all := autograd.Keep(autograd.Concat(0, pieces...))
	t.Cleanup(func() { backend.Release(b, all) })
	return all
}
