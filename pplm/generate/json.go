package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/tiller-ml/tiller/pplm"
)

// header is the first line of JSON.
type header struct {
	Type   string          `json:"type"`  // request
	Flags  json.RawMessage `json:"flags"` // all of them, as -config reads them
	Method string          `json:"method"`
	Prompt string          `json:"prompt"`
	Tokens []int32         `json:"prompt_tokens"`
}

// sample is a line of JSON.
type sample struct {
	Type       string   `json:"type"` // sample
	Sample     int      `json:"sample"`
	Steered    bool     `json:"steered"`
	Attributes []string `json:"attributes"` // that it was steered or judged by
	Text       string   `json:"text"`       // after the prompt
	Score      float64  `json:"score"`      // log p(a|x), the sum over attributes
	Distinct   float64  `json:"distinct"`   // the mean of dist-1, dist-2 and dist-3
	Best       bool     `json:"best"`       // of its side
	BagWords   []string `json:"bag_words"`  // in the text
	Tokens     []token  `json:"tokens"`
}

type token struct {
	ID         int32     `json:"id"`
	Text       string    `json:"text"`       // joined they are the text, but for a last incomplete character
	P          float64   `json:"p"`          // in the distribution it was taken from
	Steered    float64   `json:"steered"`    // in the steered model's
	Plain      float64   `json:"plain"`      // in the unsteered model's
	KL         float64   `json:"kl"`         // from the unsteered distribution, in nats
	Likelihood []float64 `json:"likelihood"` // log p(a|x) of each attribute before it, unsteered
	Losses     []float64 `json:"losses,omitempty"`
}

func (p *printer) printJSON() error {
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(header{
		Type: "request", Flags: p.flags.JSON(), Method: p.methodName(), Prompt: p.prompt, Tokens: p.sides[0].request.Prompt,
	}); err != nil {
		return err
	}
	for _, s := range p.sides {
		best := pplm.Best(s.samples, p.steering.Distinct)
		for i := range s.samples {
			if err := lines.Encode(s.line(i, i == best)); err != nil {
				return err
			}
		}
	}
	_, err := p.stdout.Write(b.Bytes())
	return err
}

// methodName is the paper's name of what was done.
func (p *printer) methodName() string {
	m := pplm.Method{Steered: p.sides[len(p.sides)-1].steered, Ranked: p.chosen.Ranked}
	i := slices.IndexFunc(pplm.Methods(), func(o pplm.Method) bool { return o.Steered == m.Steered && o.Ranked == m.Ranked })
	return pplm.Methods()[i].Name
}

func (s *side) line(i int, best bool) sample {
	out := sample{
		Type: "sample", Sample: i, Steered: s.steered, Attributes: append([]string{}, s.names...),
		Text: s.texts[i].generated(), Score: s.samples[i].Score, Distinct: pplm.Distinct(s.samples[i].Tokens),
		Best: best, BagWords: s.texts[i].found(), Tokens: []token{},
	}
	for k, t := range s.tokens[i] {
		out.Tokens = append(out.Tokens, token{
			ID: t.ID, Text: s.texts[i].pieces[k], P: t.P, Steered: t.Steered, Plain: t.Plain, KL: t.KL,
			Likelihood: append([]float64{}, t.Likelihood...), Losses: t.Losses,
		})
	}
	return out
}
