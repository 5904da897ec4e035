package main

import (
	"bytes"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tiller-ml/tiller/pplm/internal/attributes"
)

// three are texts of an attribute: their shares of words by B and BC, in pairs.
func three(name string, not bool, b, bc [3]float64) []*text {
	var out []*text
	x := &target{name: name, spec: attributes.Spec{Not: not}}
	for i := range 3 {
		out = append(out,
			&text{target: x, Attribute: name, Method: "BC", Prompt: i + 1, Sample: 1, Nats: 2, Scored: 1, Perplexity: 20, Bag: &bc[i], Seconds: 0.5},
			&text{target: x, Attribute: name, Method: "B", Prompt: i + 1, Sample: 1, Nats: 1, Scored: 1, Perplexity: 10 + float64(i), Dist: [3]float64{0.5, 0.75, 1}, Bag: &b[i], Seconds: 0.25})
	}
	return out
}

func TestSummarise(t *testing.T) {
	low, high := [3]float64{0, 0.1, 0.2}, [3]float64{0.1, 0.3, 0.5}
	texts := append(three("law", false, low, high), three("not war", true, high, low)...)
	table := summarise(texts)
	require.Len(t, table.ways, 1)
	require.Len(t, table.rows, 6)
	want := []struct {
		attribute, method string
		texts             int
		ratio, pooled     float64
		mean, p           float64
	}{
		{"law", "B", 3, 1, math.E, 0.1, math.NaN()},
		{"law", "BC", 3, 20.0 / 11, math.E * math.E, 0.3, 1.0 / 8},
		{"not war", "B", 3, 1, math.E, 0.3, math.NaN()},
		{"not war", "BC", 3, 20.0 / 11, math.E * math.E, 0.1, 1.0 / 8},
		{"all", "B", 6, 1, math.E, 0.2, math.NaN()},
		{"all", "BC", 6, 20.0 / 11, math.E * math.E, 0.2, 1.0 / 64},
	}
	for i, w := range want {
		r := table.rows[i]
		assert.Equal(t, []any{w.attribute, w.method, w.texts}, []any{r.attribute, r.method, r.texts})
		assert.InDelta(t, w.ratio, r.ratio, 1e-12)
		assert.InDelta(t, w.pooled, r.pooled, 1e-12)
		assert.InDelta(t, w.mean, r.relevance[0].Mean, 1e-12)
		if math.IsNaN(w.p) {
			assert.True(t, math.IsNaN(r.relevance[0].p))
		} else {
			assert.Equal(t, w.p, r.relevance[0].p)
		}
	}
}

// Where a run was stopped, only pairs that are whole are compared.
func TestSummarisePartial(t *testing.T) {
	texts := three("law", false, [3]float64{0, 0, 0}, [3]float64{0.5, 0.5, 0.5})
	table := summarise(texts[1:])
	assert.Equal(t, 2, table.rows[1].texts)
	assert.Equal(t, 1.0/4, table.rows[1].relevance[0].p)
	table = summarise(texts[:1])
	require.Len(t, table.rows, 1)
	assert.True(t, math.IsNaN(table.rows[0].ratio))
	assert.True(t, math.IsNaN(table.rows[0].relevance[0].p))
}

func TestPrint(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, summarise(three("law", false, [3]float64{0, 0.1, 0.2}, [3]float64{0.1, 0.3, 0.5})).print(&out))
	assert.Equal(t, strings.TrimPrefix(`
attribute  method  texts  perplexity   of B's  dist-1        dist-2        dist-3        bag words %   p      s/token
law        B       3      11.00 ±0.58  1.00    0.500 ±0.000  0.750 ±0.000  1.000 ±0.000  10.00 ±5.77   -      0.25
law        BC      3      20.00 ±0.00  1.82    0.000 ±0.000  0.000 ±0.000  0.000 ±0.000  30.00 ±11.55  0.125  0.5
`, "\n"), out.String())
}

func TestSummaryCSV(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, summarise(three("law", false, [3]float64{0, 0, 0}, [3]float64{0.5, 0.5, 0.5})).putCSV(&out))
	lines := strings.Split(out.String(), "\n")
	assert.Equal(t, "attribute,method,texts,perplexity,perplexity_se,perplexity_of_B,perplexity_pooled,dist1,dist1_se,dist2,dist2_se,dist3,dist3_se,bag words,bag words se,bag words p,s_per_token", lines[0])
	assert.Equal(t, "law,B,3,11,0.5773502691896257,1,2.718281828459045,0.5,0,0.75,0,1,0,0,0,,0.25", lines[1])
	assert.Equal(t, "law,BC,3,20,0,1.8181818181818181,7.38905609893065,0,0,0,0,0,0,0.5,0,0.125,0.5", lines[2])
}

func TestDraw(t *testing.T) {
	table := summarise(append(three("law", false, [3]float64{0, 0.1, 0.2}, [3]float64{0.1, 0.3, 0.5}), three("war", false, [3]float64{}, [3]float64{})...))
	var picture, text bytes.Buffer
	require.NoError(t, table.draw(&picture, pngCanvas))
	decoded, err := png.Decode(&picture)
	require.NoError(t, err)
	assert.InDelta(t, 13/2.54*96, decoded.Bounds().Dx(), 1)
	require.NoError(t, table.draw(&text, svgCanvas))
	for _, want := range []string{"perplexity", "bag words, %", "law", "war", "BC", "#E69F00"} {
		assert.Contains(t, text.String(), want)
	}
}

// A single text has no standard error, and is drawn all the same.
func TestDrawOne(t *testing.T) {
	table := summarise(three("law", false, [3]float64{}, [3]float64{})[:1])
	require.NoError(t, table.draw(&bytes.Buffer{}, svgCanvas))
}
