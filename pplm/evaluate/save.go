package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/tiller-ml/tiller/tensor/safetensors"
)

// save writes the results into the folder, if there is one.
func (e *evaluation) save(t *table) error {
	if e.out == "" {
		return nil
	}
	files := []struct {
		name string
		put  func(w io.Writer) error
	}{
		{"samples.jsonl", e.putLines},
		{"samples.csv", e.putSamples},
		{"summary.csv", t.putCSV},
		{"relevance.png", func(w io.Writer) error { return t.draw(w, pngCanvas) }},
		{"relevance.svg", func(w io.Writer) error { return t.draw(w, svgCanvas) }},
	}
	for _, f := range files {
		if err := e.write(f.name, f.put); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file of the folder, whole or not at all.
func (e *evaluation) write(name string, put func(w io.Writer) error) error {
	path := filepath.Join(e.out, name)
	if err := safetensors.WriteAtomic(path, put); err != nil {
		return fmt.Errorf("saving the results: %w", err)
	}
	return nil
}

func (e *evaluation) putLines(w io.Writer) error {
	lines := json.NewEncoder(w)
	for _, x := range e.texts {
		if err := lines.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

func (e *evaluation) putSamples(w io.Writer) error {
	out := csv.NewWriter(w)
	out.Write([]string{
		"attribute", "method", "prompt", "sample", "cond_text", "text", "score", "nats", "scored_tokens", "perplexity",
		"dist1", "dist2", "dist3", "words", "bag_words", "judge_words", "class", "s_per_token",
	})
	for _, x := range e.texts {
		out.Write([]string{
			x.Attribute, x.Method, strconv.Itoa(x.Prompt), strconv.Itoa(x.Sample), x.Begin, x.Text, decimal(x.Score), decimal(x.Nats),
			strconv.Itoa(x.Scored), decimal(x.Perplexity), decimal(x.Dist[0]), decimal(x.Dist[1]), decimal(x.Dist[2]),
			strconv.Itoa(x.Words), optional(x.Bag), optional(x.Judge), optional(x.Class), decimal(x.Seconds),
		})
	}
	out.Flush()
	return out.Error()
}

func (t *table) putCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	head := []string{"attribute", "method", "texts", "perplexity", "perplexity_se", "perplexity_of_B", "perplexity_pooled"}
	for n := range 3 {
		head = append(head, fmt.Sprintf("dist%d", n+1), fmt.Sprintf("dist%d_se", n+1))
	}
	for _, way := range t.ways {
		head = append(head, way.name, way.name+" se", way.name+" p")
	}
	out.Write(append(head, "s_per_token"))
	for _, r := range t.rows {
		line := []string{r.attribute, r.method, strconv.Itoa(r.texts), decimal(r.perplexity.Mean), decimal(r.perplexity.Error), decimal(r.ratio), decimal(r.pooled)}
		for _, d := range r.dist {
			line = append(line, decimal(d.Mean), decimal(d.Error))
		}
		for _, c := range r.relevance {
			line = append(line, decimal(c.Mean), decimal(c.Error), decimal(c.p))
		}
		out.Write(append(line, decimal(r.seconds)))
	}
	out.Flush()
	return out.Error()
}

// decimal is x in full, nothing for NaN.
func decimal(x float64) string {
	if x != x {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func optional(x *float64) string {
	if x == nil {
		return ""
	}
	return decimal(*x)
}
