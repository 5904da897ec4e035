package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tiller-ml/tiller/pplm"
)

// everything is the attribute's name in rows over all of them.
const everything = "all"

// relevance is a way to measure how far a text has an attribute.
type relevance struct {
	name string
	of   func(x *text) *float64
}

// relevances are all ways, in the table's order.
func relevances() []relevance {
	return []relevance{
		{"bag words", func(x *text) *float64 { return x.Bag }},
		{"judge words", func(x *text) *float64 { return x.Judge }},
		{"class", func(x *text) *float64 { return x.Class }},
	}
}

// row is a line of the table: an attribute's texts by a method.
type row struct {
	attribute, method string
	texts             int
	perplexity        stat
	pooled            float64 // exp of the mean of -log p over all tokens
	ratio             float64 // of the mean perplexity to that of B; NaN without it
	dist              [3]stat
	relevance         []cell // by way
	seconds           float64
}

// cell is a relevance, and p of the test that it is above B's, or below where texts
// are steered away; NaN where there is none. In rows without this relevance, N is 0.
type cell struct {
	stat
	p float64
}

// table is what a run came to.
type table struct {
	ways []relevance // those that measured anything
	rows []row
}

// summarise makes the table: by attribute in the order of the texts, then over all.
func summarise(texts []*text) *table {
	t := &table{}
	for _, way := range relevances() {
		if slices.ContainsFunc(texts, func(x *text) bool { return way.of(x) != nil }) {
			t.ways = append(t.ways, way)
		}
	}
	var names []string
	for _, x := range texts {
		if !slices.Contains(names, x.Attribute) {
			names = append(names, x.Attribute)
		}
	}
	if len(names) > 1 {
		names = append(names, everything)
	}
	for _, name := range names {
		var base []*text
		for _, m := range pplm.Methods() {
			var group []*text
			for _, x := range texts {
				if x.Method == m.Name && (x.Attribute == name || name == everything) {
					group = append(group, x)
				}
			}
			if m.Name == "B" {
				base = group
			}
			if len(group) > 0 {
				t.rows = append(t.rows, t.newRow(name, m.Name, group, base))
			}
		}
	}
	return t
}

func (t *table) newRow(attribute, method string, group, base []*text) row {
	r := row{attribute: attribute, method: method, texts: len(group), ratio: math.NaN()}
	of := func(group []*text, f func(x *text) float64) stat {
		var numbers []float64
		for _, x := range group {
			numbers = append(numbers, f(x))
		}
		return newStat(numbers)
	}
	perplexity := func(x *text) float64 { return x.Perplexity }
	r.perplexity = of(group, perplexity)
	if len(base) > 0 {
		r.ratio = r.perplexity.Mean / of(base, perplexity).Mean
	}
	nats, tokens := 0.0, 0
	for _, x := range group {
		nats, tokens = nats+x.Nats, tokens+x.Scored
	}
	r.pooled = math.Exp(nats / float64(tokens))
	for n := range r.dist {
		r.dist[n] = of(group, func(x *text) float64 { return x.Dist[n] })
	}
	r.seconds = of(group, func(x *text) float64 { return x.Seconds }).Mean
	for _, way := range t.ways {
		r.relevance = append(r.relevance, newCell(way, method, group, base))
	}
	return r
}

// pair is what texts of different methods have in common that are compared.
type pair struct {
	attribute      string
	prompt, sample int
}

func (x *text) pair() pair { return pair{x.Attribute, x.Prompt, x.Sample} }

// newCell is a relevance of a group and its test against the group of B.
func newCell(way relevance, method string, group, base []*text) cell {
	plain := make(map[pair]float64)
	for _, x := range base {
		if v := way.of(x); v != nil {
			plain[x.pair()] = *v
		}
	}
	var numbers, differences []float64
	for _, x := range group {
		v := way.of(x)
		if v == nil {
			continue
		}
		numbers = append(numbers, *v)
		w, ok := plain[x.pair()]
		switch {
		case ok && x.target.spec.Not:
			differences = append(differences, w-*v)
		case ok:
			differences = append(differences, *v-w)
		}
	}
	c := cell{newStat(numbers), math.NaN()}
	if method != "B" && len(differences) > 0 {
		c.p = permutationTest(differences)
	}
	return c
}

// print writes the table with aligned columns.
func (t *table) print(w io.Writer) error {
	lines := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := []string{"attribute", "method", "texts", "perplexity", "of B's", "dist-1", "dist-2", "dist-3"}
	for _, way := range t.ways {
		head = append(head, way.name+" %", "p")
	}
	fmt.Fprintln(lines, strings.Join(append(head, "s/token"), "\t"))
	for _, r := range t.rows {
		cells := []string{r.attribute, r.method, fmt.Sprint(r.texts), r.perplexity.format(1, 2), number(r.ratio, 2)}
		for _, d := range r.dist {
			cells = append(cells, d.format(1, 3))
		}
		for _, c := range r.relevance {
			cells = append(cells, c.format(100, 2), chance(c.p))
		}
		fmt.Fprintln(lines, strings.Join(append(cells, fmt.Sprintf("%.3g", r.seconds)), "\t"))
	}
	return lines.Flush()
}

// format is a mean and its standard error, each times scale.
func (s stat) format(scale float64, digits int) string {
	if s.N == 0 {
		return "-"
	}
	if s.N == 1 {
		return number(s.Mean*scale, digits)
	}
	return number(s.Mean*scale, digits) + " \u00b1" + number(s.Error*scale, digits)
}

// number is x with some digits behind the point, a dash for NaN.
func number(x float64, digits int) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, x)
}

// chance is a p-value, a dash for NaN.
func chance(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return number(p, 3)
}
