package pplmtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/internal/golden"
	"github.com/tiller-ml/tiller/pplm"
	"github.com/tiller-ml/tiller/pplm/head"
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
