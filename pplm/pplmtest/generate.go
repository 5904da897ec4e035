package pplmtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
)

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

func (s suite) generate(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		var g generateCase
		c.Decode(t, &g)
		s.bothTypes(t, c, g.Model, func(t *testing.T, m *gpt2.Model, name string, tolerance float64) {
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
