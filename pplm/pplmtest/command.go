package pplmtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/nn/bpe"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/gpt2"
	"github.com/tiller-ml/tiller/pplm/head"
)

// commandCase is case.json of a run of the reference's command. Its paths start
// from the folder of the set.
type commandCase struct {
	Args struct {
		arguments
		Model   string `json:"pretrained_model"`
		Text    string `json:"cond_text"`
		Bags    string `json:"bag_of_words"`
		Discrim string `json:"discrim"`
		Weights string `json:"discrim_weights"`
		Meta    string `json:"discrim_meta"`
	} `json:"args"`
	Output string `json:"stdout"`
}

func (s suite) command(t *testing.T) {
	golden.Each(t, "pplm", func(t *testing.T, c *golden.Case) {
		var g commandCase
		c.Decode(t, &g)
		output, _, _ := strings.Cut(g.Output, " ")
		transcript, err := os.ReadFile(filepath.Join(c.Dir, output))
		require.NoError(t, err)
		s.bothTypes(t, c, filepath.Join("..", g.Args.Model), func(t *testing.T, m *gpt2.Model, _ string, _ float64) {
			g.run(t, filepath.Dir(c.Dir), m, string(transcript))
		})
	}, "e2e_cli_*")
}

func (g commandCase) run(t *testing.T, set string, m *gpt2.Model, transcript string) {
	tokenizer, err := bpe.Load(filepath.Join(set, g.Args.Model))
	require.NoError(t, err)
	r := pplm.Request{
		Prompt: tokenizer.EncodeSpecial("<|endoftext|>" + g.Args.Text), Length: g.Args.Length,
		Samples: 1, Attributes: g.attributes(t, set, tokenizer),
	}
	text := func(s pplm.Settings) string {
		r.Settings = s
		samples, err := pplm.Generate(t.Context(), m, r, nil)
		require.NoError(t, err)
		return bpe.CleanUp(tokenizer.Decode(append(append([]int32{}, r.Prompt...), samples[0].Tokens...)))
	}
	const plainHead, steeredHead = "= Unperturbed generated text =\n", "\n\n= Perturbed generated text 1 =\n"
	_, texts, found := strings.Cut(transcript, plainHead)
	require.True(t, found)
	plain, steered, found := strings.Cut(texts, steeredHead)
	require.True(t, found)

	unsteered := pplm.Default()
	unsteered.Iterations = 0
	assert.Equal(t, plain, text(unsteered))
	assert.Equal(t, strings.TrimSuffix(steered, "\n\n"), text(g.Args.settings()))
}

func (g commandCase) attributes(t *testing.T, set string, tokenizer *bpe.Tokenizer) (out []pplm.Attribute) {
	if g.Args.Bags != "" {
		for _, file := range strings.Split(g.Args.Bags, ";") {
			single, _, err := readBag(t, filepath.Join(set, file), tokenizer).Single()
			require.NoError(t, err)
			out = append(out, single)
		}
	}
	if g.Args.Discrim != "" {
		h, err := head.LoadTorch(filepath.Join(set, g.Args.Weights), filepath.Join(set, g.Args.Meta))
		require.NoError(t, err)
		out = append(out, &pplm.Discriminator{Head: h, Class: g.Args.Class, Horizon: 1})
	}
	return out
}
