package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tiller-ml/tiller/sharnn/internal/runlog"
)

// unknown stands for what a run does not have.
const unknown = "-"

// heads are the columns of the table.
var heads = []string{"run", "parameters", "tokens", "hours", "best valid", "at step", "test", "tokens/s", "settings that differ"}

// table has a line for each run.
func table(runs []*run) string {
	rows, differ := [][]string{heads}, differing(runs)
	for _, r := range runs {
		rows = append(rows, append(append([]string{r.name}, r.figures()...), r.given(differ)))
	}
	widths := make([]int, len(heads))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		fmt.Fprintf(&b, "%-*s", widths[0], row[0])
		for i, cell := range row[1:last] {
			fmt.Fprintf(&b, "  %*s", widths[1+i], cell)
		}
		fmt.Fprintf(&b, "  %s\n", row[last])
	}
	return b.String()
}

// figures are the columns of numbers.
func (r *run) figures() []string {
	out := slices.Repeat([]string{unknown}, 7)
	if r.parameters > 0 {
		out[0] = fmt.Sprint(r.parameters)
	}
	if len(r.lines) == 0 {
		return out
	}
	last := r.lines[len(r.lines)-1]
	out[1], out[2] = fmt.Sprint(last.Tokens), fmt.Sprintf("%.3f", last.Wall/3600)
	if best, ok := runlog.Best(r.lines); ok {
		out[3], out[4] = fmt.Sprintf("%.4f", best.BPC), fmt.Sprint(best.Step)
	}
	if test := runlog.Part(r.lines, runlog.Test); len(test) > 0 {
		out[5] = fmt.Sprintf("%.4f", test[0].BPC)
	}
	if s := speed(r.lines); s > 0 {
		out[6] = fmt.Sprintf("%.0f", s)
	}
	return out
}

// speed is tokens by seconds of training.
func speed(lines []runlog.Line) float64 {
	before, tokens, seconds := int64(0), 0.0, 0.0
	for _, l := range runlog.Part(lines, "") {
		if more := float64(l.Tokens - before); l.TokensPer > 0 {
			tokens, seconds = tokens+more, seconds+more/l.TokensPer
		}
		before = l.Tokens
	}
	if seconds <= 0 {
		return 0
	}
	return tokens / seconds
}

// differing are the flags that the runs with settings do not all have alike.
func differing(runs []*run) []string {
	values := map[string]map[string]bool{} // by flag
	var first *run
	for _, r := range runs {
		if r.settings == nil {
			continue
		}
		if first == nil {
			first = r
		}
		for _, name := range slices.Concat(slices.Collect(maps.Keys(r.settings)), slices.Collect(maps.Keys(first.settings))) {
			if values[name] == nil {
				values[name] = map[string]bool{first.setting(name): true}
			}
			values[name][r.setting(name)] = true
		}
	}
	maps.DeleteFunc(values, func(_ string, v map[string]bool) bool { return len(v) == 1 })
	return slices.Sorted(maps.Keys(values))
}

// setting is a flag's value; a run of another version may not have the flag.
func (r *run) setting(name string) string {
	if v, ok := r.settings[name]; ok {
		return v
	}
	return unknown
}

// given are the flags of these names as the run has them.
func (r *run) given(names []string) string {
	switch {
	case r.settings == nil:
		return unknown
	case len(names) == 0:
		return "none"
	}
	var out []string
	for _, name := range names {
		out = append(out, "-"+name+"="+r.setting(name))
	}
	return strings.Join(out, " ")
}
