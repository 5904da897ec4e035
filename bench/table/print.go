package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// printTable writes lines as Markdown, in columns that line up.
func printTable(w io.Writer, lines []line) {
	cells := [][]string{
		{"work", "unit", "ours, 1 thread", "2 threads", "spread", "reference", "1 thread", "2 threads", "ratio, 1", "2", "goal", "met"},
		{"---", "---", "---:", "---:", "---:", "---", "---:", "---:", "---:", "---:", "---", "---"},
	}
	for _, l := range lines {
		cells = append(cells, l.cells())
	}
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], len(c))
		}
	}
	for _, row := range cells {
		for i, c := range row {
			fmt.Fprintf(w, "| %-*s ", widths[i], c)
		}
		fmt.Fprintln(w, "|")
	}
}

func (l line) cells() []string {
	against := l.row.reference
	if l.bound.name != "" {
		against = "plain read"
	}
	spread := ""
	if l.spread > 0 {
		spread = fmt.Sprintf("%.0f %%", 100*l.spread)
	}
	ratio := func(x float64) string {
		if x == 0 || l.base.name != "" {
			return "" // a growth is compared as it stands
		}
		return fmt.Sprintf("%.2f", x)
	}
	return []string{
		l.work, l.metric.shown, number(l.ours[0]), number(l.ours[1]), spread,
		against, number(l.reference[0]), number(l.reference[1]), ratio(l.ratio[0]), ratio(l.ratio[1]),
		l.goal.text(l.metric.less), l.met(),
	}
}

// text is the goal with its bounds for one thread and for two.
func (g goal) text(less bool) string {
	if g.bound == [2]float64{} {
		return ""
	}
	sign := ">="
	if less && !g.ratio {
		sign = "<="
	}
	bounds := number(g.bound[0])
	if g.bound[0] != g.bound[1] {
		bounds = dash(g.bound[0]) + " / " + dash(g.bound[1])
	}
	if g.ratio {
		return "ratio " + sign + " " + bounds
	}
	return sign + " " + bounds
}

func dash(x float64) string {
	if x == 0 {
		return "-"
	}
	return number(x)
}

// number has three figures at least and no exponent; 0, which is no figure, is
// empty.
func number(x float64) string {
	if x == 0 {
		return ""
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(x))))
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
