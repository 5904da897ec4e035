package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/tiller-ml/tiller/sharnn"
	"github.com/tiller-ml/tiller/sharnn/corpus"
	"github.com/tiller-ml/tiller/sharnn/internal/chart"
)

const (
	pictured   = 128 // positions of an attention picture: as many as there is room for their symbols
	peaks      = 8   // of the last position, that are printed
	peakWidth  = 3   // positions to both sides of a peak that are not peaks of their own
	aroundPeak = 24  // bytes to both sides that are printed
)

func (s *settings) checkAttention() error {
	switch {
	case s.attention == "":
		return nil
	case s.json:
		return errors.New("-attention prints a table of its own: leave -json out")
	case len(s.mem) > 1:
		return errors.New("-attention draws one picture: give -mem one number")
	}
	if err := chart.CheckPath(s.attention); err != nil {
		return fmt.Errorf("-attention %w", err)
	}
	return nil
}

// drawAttention draws what the last positions of the part look at, and prints what the
// very last one does.
func (s *settings) drawAttention(ctx context.Context, m *sharnn.Model, vocab corpus.Vocab, p part, stdout io.Writer) error {
	if len(m.Config.Attention) == 0 {
		return errors.New("-attention: no block of the model attends")
	}
	ids := newest(p.ids, m.Config.Memory+pictured)
	looks, err := sharnn.LookBack(ctx, m, ids, pictured, s.bptt)
	if err != nil {
		return err
	}
	var symbols []string
	for _, id := range ids[looks[0].First:] {
		symbols = append(symbols, shown(vocab.Decode([]int32{id})))
	}
	var panels []chart.Heat
	for _, f := range looks {
		panels = append(panels, chart.Heat{Name: fmt.Sprintf("block %d", f.Block), Weights: f.Weights})
	}
	title := fmt.Sprintf("%s: what the attention looks at, at the end of the %s part of %s", filepath.Base(s.checkpoint), p.name, filepath.Base(p.text))
	if err := chart.Heats(s.attention, title, symbols, panels); err != nil {
		return err
	}
	around := max(int(aroundPeak*p.perByte), 2)
	for _, f := range looks {
		if err := printPeaks(stdout, f, ids, vocab, around); err != nil {
			return fmt.Errorf("printing what the attention looks at: %w", err)
		}
	}
	return nil
}

// newest are the last n ids, or all.
func newest(ids *corpus.IDs, n int) []int32 {
	var out []int32
	for i := max(ids.Len()-n, 0); i < ids.Len(); i++ {
		out = append(out, ids.At(i))
	}
	return out
}

// printPeaks prints the text around what the last position looks at most.
func printPeaks(w io.Writer, f sharnn.Focus, ids []int32, vocab corpus.Vocab, around int) error {
	row, last := f.Weights[len(f.Weights)-1], len(ids)-1
	var b strings.Builder
	fmt.Fprintf(&b, "block %d looks back over %d positions, after\n  %s\n\n", f.Block, len(row), shown(vocab.Decode(ids[max(len(ids)-3*around, 0):])))
	fmt.Fprintf(&b, "%8s %6s  text\n", "weight", "back")
	for _, d := range highest(row, peaks) {
		at := last - d
		before, after := ids[max(at-around, 0):at], ids[at+1:min(at+1+around, len(ids))]
		fmt.Fprintf(&b, "%8.4f %6d  %s[%s]%s\n", row[d], d, shown(vocab.Decode(before)), shown(vocab.Decode(ids[at:at+1])), shown(vocab.Decode(after)))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// highest are the places of the n largest weights, the largest first, without those
// that are beside a larger one.
func highest(weights []float64, n int) []int {
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(weights[b], weights[a]) })
	var out []int
	for _, d := range order {
		beside := slices.ContainsFunc(out, func(o int) bool { return max(o-d, d-o) <= peakWidth })
		if !beside && len(out) < n {
			out = append(out, d)
		}
	}
	return out
}

// shown is text on one line: white space as signs, and what is no text as dots.
func shown(text []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '\u00b6'
		case r == ' ' || unicode.IsPrint(r):
			return r
		}
		return '\u00b7'
	}, strings.ToValidUTF8(string(text), "\u00b7"))
}
