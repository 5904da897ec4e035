package main

import "slices"

// A line is a row with its figures, 0 for what was not measured; index 0 is for
// one thread, 1 for two.
type line struct {
	row
	ours, reference, ratio [2]float64
	spread                 float64 // of ours: the widest (most-least)/median
}

// lineOf takes the medians.
func lineOf(r row, all results) line {
	l := line{row: r}
	var us, them [2][]float64
	for i := range 2 {
		us[i] = r.series(all, ours, r.bench, i+1)
		if r.bound.name != "" {
			them[i] = r.series(all, ours, r.bound, i+1)
		} else if r.reference != "" {
			them[i] = r.series(all, r.reference, r.bench, i+1)
		}
		l.ours[i], l.reference[i] = median(us[i]), median(them[i])
		if n := len(us[i]); n > 1 {
			l.spread = max(l.spread, (slices.Max(us[i])-slices.Min(us[i]))/l.ours[i])
		}
	}
	best := them[1]
	if l.reference[1] == 0 || l.reference[0] != 0 && r.metric.ratio(l.reference[0], l.reference[1]) > 1 {
		best = them[0]
	}
	l.ratio = [2]float64{median(r.metric.ratios(us[0], them[0])), median(r.metric.ratios(us[1], best))}
	return l
}

// ratio is above 1 where x is better than y.
func (m metric) ratio(x, y float64) float64 {
	if m.less {
		return y / x
	}
	return x / y
}

func (m metric) ratios(x, y []float64) []float64 {
	var out []float64
	for i := range min(len(x), len(y)) {
		out = append(out, m.ratio(x[i], y[i]))
	}
	return out
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// met tells whether a line reaches its goal: "yes", "no", or nothing where there
// is no goal or a figure for it is missing.
func (l line) met() string {
	figures, less, met := l.ours, l.metric.less, ""
	if l.goal.ratio {
		figures, less = l.ratio, false
	}
	for i, bound := range l.goal.bound {
		switch {
		case bound == 0:
		case figures[i] == 0:
			return ""
		case less && figures[i] > bound, !less && figures[i] < bound:
			return "no"
		default:
			met = "yes"
		}
	}
	return met
}
