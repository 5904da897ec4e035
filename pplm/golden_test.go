package pplm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/backend/cpu"
	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/head"
	"github.com/tiller-ml/tiller/tensor"
)

// arguments are the reference's, with its defaults; nil is what a call left out.
type arguments struct {
	Loss        int      `json:"loss_type"`
	Perturb     *bool    `json:"perturb"`
	Class       int      `json:"class_label"`
	Length      int      `json:"length"`
	StepSize    *float64 `json:"stepsize"`
	Temperature *float64 `json:"temperature"`
	TopK        *int     `json:"top_k"`
	Sample      *bool    `json:"sample"`
	Iterations  *int     `json:"num_iterations"`
	GradLength  int      `json:"grad_length"`
	Horizon     *int     `json:"horizon_length"`
	Window      int      `json:"window_length"`
	Decay       bool     `json:"decay"`
	Gamma       *float64 `json:"gamma"`
	GMScale     *float64 `json:"gm_scale"`
	KLScale     *float64 `json:"kl_scale"`
}

func (a arguments) settings() pplm.Settings {
	s := pplm.Default()
	set(&s.StepSize, a.StepSize)
	set(&s.Temperature, a.Temperature)
	set(&s.TopK, a.TopK)
	set(&s.Iterations, a.Iterations)
	set(&s.Gamma, a.Gamma)
	set(&s.GMScale, a.GMScale)
	set(&s.KLScale, a.KLScale)
	s.Sample = true
	set(&s.Sample, a.Sample)
	s.Window, s.Decay, s.GradLength = a.Window, a.Decay, a.GradLength
	if a.Perturb != nil && !*a.Perturb {
		s.Iterations = 0
	}
	return s
}

func set[T any](dst, given *T) {
	if given != nil {
		*dst = *given
	}
}

// Bits of the reference's loss_type.
const (
	withBags          = 1
	withDiscriminator = 2
)

// attributes are a case's bags, as it gives their tokens, and its discriminator.
func (a arguments) attributes(t *testing.T, bags [][][]int32, h *head.Head) (out []pplm.Attribute) {
	if a.Loss&withBags != 0 {
		for _, words := range bags {
			out = append(out, singleBag(t, words))
		}
	}
	if a.Loss&withDiscriminator != 0 {
		horizon := 1
		set(&horizon, a.Horizon)
		out = append(out, &pplm.Discriminator{Head: h, Class: a.Class, Horizon: horizon})
	}
	return out
}

// singleBag is a bag of words given by their tokens, those of several dropped.
func singleBag(t *testing.T, words [][]int32) *pplm.Bag {
	texts, tokens := []string{}, map[string][]int32{}
	for _, w := range words {
		text := strings.Repeat("w", int(w[0])) + strings.Repeat("+", len(w)-1)
		texts = append(texts, text)
		tokens[" "+text] = w
	}
	b, err := pplm.NewBag("golden", texts, func(s string) []int32 { return tokens[s] })
	require.NoError(t, err)
	single, _, err := b.Single()
	require.NoError(t, err)
	return single
}

func openModel(t testing.TB, dtype tensor.DType, dir string) *gpt2.Model {
	b, err := cpu.New(backend.Config{})
	require.NoError(t, err)
	m, err := gpt2.Open(b, dtype, dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, m.Free())
		assert.Zero(t, b.LiveBytes(), "bytes left behind")
		assert.NoError(t, b.Close())
	})
	return m
}

// bothTypes runs f with a case's model in float64 and in float32; the tolerance is
// the type's, of losses, norms and what is perturbed.
func bothTypes(t *testing.T, c *golden.Case, model string, f func(t *testing.T, m *gpt2.Model, name string, tolerance float64)) {
	for name, d := range map[string]tensor.DType{"f64": tensor.Float64, "f32": tensor.Float32} {
		t.Run(name, func(t *testing.T) {
			tolerance := 1e-10
			if d == tensor.Float32 {
				tolerance = 2e-5
			}
			c := *c
			c.DType = d
			f(t, openModel(t, d, filepath.Join(c.Dir, model)), name, tolerance)
		})
	}
}

// caseHead is a case's head of that many classes, nil where it has none.
func caseHead(t *testing.T, c *golden.Case) *head.Head {
	if !c.Has("head.weight") {
		return nil
	}
	shape := c.Shape(t, "head.weight")
	h := &head.Head{Width: shape[1], Weight: c.Numbers(t, "head.weight"), Bias: c.Numbers(t, "head.bias")}
	for i := range shape[0] {
		h.Classes = append(h.Classes, string(rune('a'+i)))
	}
	return h
}

// generateCase is case.json of a generated text.
type generateCase struct {
	Model        string      `json:"model"`
	Context      []int32     `json:"context"`
	Text         string      `json:"text"`
	Args         arguments   `json:"args"`
	Bags         [][][]int32 `json:"bow_indices"`
	BagFiles     []string    `json:"bow_files"`
	Tokens       []int32     `json:"tokens"`
	Unperturbed  []int32     `json:"unperturbed_tokens_same_context"`
	Judged       *float64    `json:"unpert_discrim_loss"`
	JudgedDouble *float64    `json:"unpert_discrim_loss_f64"`
}

func TestGoldenKinds(t *testing.T) {
	kinds := []string{"perturb_past_", "generate_", "e2e_cli_", // here; elsewhere:
		"bags", "model", "gpt2_forward", "tokenizer", "discrim_heads", "discrim_train"}
	for _, name := range golden.Names(t, "pplm") {
		claimed := slices.ContainsFunc(kinds, func(kind string) bool { return strings.HasPrefix(name, kind) })
		assert.True(t, claimed, "no test runs the case %s", name)
	}
}

func TestGoldenGenerate(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		var g generateCase
		c.Decode(t, &g)
		bothTypes(t, c, g.Model, func(t *testing.T, m *gpt2.Model, name string, tolerance float64) {
			g.checkBags(t, c)
			g.run(t, c, m, name == "f64", tolerance)
		})
	}, "generate_*")
}

// checkBags wants the bags' files to give the case's tokens.
func (g generateCase) checkBags(t *testing.T, c *golden.Case) {
	tokenizer, err := bpe.Load(filepath.Join(c.Dir, g.Model))
	require.NoError(t, err)
	for i, file := range g.BagFiles {
		var distinct [][]int32
		for _, w := range g.Bags[i] {
			if !slices.ContainsFunc(distinct, func(d []int32) bool { return slices.Equal(d, w) }) {
				distinct = append(distinct, w)
			}
		}
		var got [][]int32
		for _, w := range readBag(t, filepath.Join(c.Dir, file), tokenizer).Words {
			got = append(got, w.Tokens)
		}
		assert.Equal(t, distinct, got)
	}
}

func readBag(t *testing.T, path string, tokenizer *bpe.Tokenizer) *pplm.Bag {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	words, err := pplm.ReadWords(path, f)
	require.NoError(t, err)
	b, err := pplm.NewBag(path, words, tokenizer.Encode)
	require.NoError(t, err)
	return b
}

// run generates the case's text and compares all that it holds.
func (g generateCase) run(t *testing.T, c *golden.Case, m *gpt2.Model, double bool, tolerance float64) {
	r := pplm.Request{
		Prompt: g.Context, Length: g.Args.Length, Samples: 1, Settings: g.Args.settings(),
		Attributes: g.Args.attributes(t, g.Bags, caseHead(t, c)),
	}
	if r.Settings.Sample {
		r.Replay = [][]int32{g.Tokens}
	}
	suffix, probsTolerance := "", 1e-5
	if double {
		suffix, probsTolerance = "_f64", tolerance
	}
	if strings.HasSuffix(c.Name, "greedy_discrim") && !double {
		tolerance, probsTolerance = 5e-4, 1e-3
	}
	var probs, losses [][]float64
	var norms [][][]float64
	var last pplm.Token
	samples, err := pplm.Generate(t.Context(), m, r, func(token *pplm.Token) error {
		probs = append(probs, slices.Clone(token.Distribution))
		if token.Losses != nil {
			losses = append(losses, token.Losses)
			norms = append(norms, token.Norms)
		}
		last = *token
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, g.Tokens, samples[0].Tokens)
	if name := "pert_probs" + suffix; c.Has(name) {
		golden.Near(t, c.Numbers(t, name), slices.Concat(probs...), probsTolerance, name)
	}
	if c.Has("losses" + suffix) {
		g.matchRows(t, c, "losses"+suffix, losses, tolerance)
		g.matchRows(t, c, "grad_norms"+suffix, g.Args.divisors(norms), tolerance)
	}
	if g.Judged != nil {
		want := g.Judged
		if double {
			want = g.JudgedDouble
		}
		discriminator := last.Likelihood[len(last.Likelihood)-1]
		golden.Near(t, []float64{*want}, []float64{-discriminator}, tolerance, "unpert_discrim_loss")
	}
	if g.Unperturbed != nil {
		r.Settings = pplm.Default()
		r.Settings.Iterations = 0
		samples, err := pplm.Generate(t.Context(), m, r, nil)
		require.NoError(t, err)
		assert.Equal(t, g.Unperturbed, samples[0].Tokens, "unsteered")
	}
}

// matchRows compares what was measured at each steered token. After GradLength
// nothing moves, and nothing is measured.
func (g generateCase) matchRows(t *testing.T, c *golden.Case, name string, got [][]float64, tolerance float64) {
	rows := c.Shape(t, name)[0]
	if n := g.Args.GradLength; n > 0 {
		rows = min(rows, n)
	}
	require.Len(t, got, rows, name)
	want := c.Numbers(t, name)
	golden.Near(t, want[:rows*len(got[0])], slices.Concat(got...), tolerance, name)
}

// divisors are what the moves of each token were divided by at last: for bags alone
// the running maximum of all norms so far, else the last iteration's.
func (a arguments) divisors(norms [][][]float64) (out [][]float64) {
	largest := make([]float64, len(norms[0][0]))
	for _, iterations := range norms {
		for _, layers := range iterations {
			for l, norm := range layers {
				if a.Loss != withBags {
					largest[l] = 0
				}
				largest[l] = max(largest[l], norm)
			}
		}
		out = append(out, slices.Clone(largest))
	}
	return out
}
