package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// measured makes results of one unit: figures by library, benchmark and threads.
func measured(unit string, figures map[job][]float64) results {
	all := results{}
	for j, series := range figures {
		for _, x := range series {
			all[j] = append(all[j], values{unit: x})
		}
	}
	return all
}

func TestLineOf(t *testing.T) {
	b, base, read := bench{"p", "B"}, bench{"p", "Base"}, bench{"p", "Read"}
	for name, c := range map[string]struct {
		row     row
		figures map[job][]float64
		want    line
	}{
		"medians in the shown unit": {
			row{bench: b, metric: millis},
			map[job][]float64{{ours, b, 1}: {0.003, 0.001, 0.002}, {ours, b, 2}: {0.001}},
			line{ours: [2]float64{2, 1}, spread: 1},
		},
		"two threads against the better of the reference's": {
			row{bench: b, metric: flops, reference: openBLAS},
			map[job][]float64{{ours, b, 1}: {10}, {ours, b, 2}: {18}, {openBLAS, b, 1}: {12}, {openBLAS, b, 2}: {9}},
			line{ours: [2]float64{10, 18}, reference: [2]float64{12, 9}, ratio: [2]float64{10.0 / 12, 1.5}},
		},
		"less is better": {
			row{bench: b, metric: times, reference: pyTorch},
			map[job][]float64{{ours, b, 1}: {2}, {ours, b, 2}: {1}, {pyTorch, b, 1}: {6}, {pyTorch, b, 2}: {5}},
			line{ours: [2]float64{2, 1}, reference: [2]float64{6, 5}, ratio: [2]float64{3, 5}},
		},
		"ratios are of the same round": {
			row{bench: b, metric: flops, reference: openBLAS},
			map[job][]float64{{ours, b, 1}: {10, 2, 30}, {openBLAS, b, 1}: {10, 1, 10}},
			line{ours: [2]float64{10, 0}, reference: [2]float64{10, 0}, ratio: [2]float64{2, 0}, spread: 2.8},
		},
		"a growth": {
			row{bench: b, base: base, metric: times},
			map[job][]float64{{ours, b, 1}: {6, 8}, {ours, base, 1}: {2, 2, 2}},
			line{ours: [2]float64{3.5, 0}, spread: 1 / 3.5},
		},
		"a bound": {
			row{bench: b, bound: read, metric: flops},
			map[job][]float64{{ours, b, 1}: {9}, {ours, read, 1}: {10}},
			line{ours: [2]float64{9, 0}, reference: [2]float64{10, 0}, ratio: [2]float64{0.9, 0}},
		},
		"nothing measured": {row{bench: b, metric: flops, reference: openBLAS}, nil, line{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := lineOf(c.row, measured(c.row.metric.unit, c.figures))
			assert.InDeltaSlice(t, c.want.ours[:], got.ours[:], 1e-9, "ours")
			assert.InDeltaSlice(t, c.want.reference[:], got.reference[:], 1e-9, "reference")
			assert.InDeltaSlice(t, c.want.ratio[:], got.ratio[:], 1e-9, "ratio")
			assert.InDelta(t, c.want.spread, got.spread, 1e-9, "spread")
		})
	}
}

func TestMet(t *testing.T) {
	for name, c := range map[string]struct {
		line line
		want string
	}{
		"no goal":           {line{ours: [2]float64{1, 1}}, ""},
		"both reached":      {line{row: row{goal: goal{false, [2]float64{1, 2}}}, ours: [2]float64{1, 3}}, "yes"},
		"one missed":        {line{row: row{goal: goal{false, [2]float64{1, 2}}}, ours: [2]float64{1, 1}}, "no"},
		"one asked for":     {line{row: row{goal: goal{false, [2]float64{0, 2}}}, ours: [2]float64{1, 2}}, "yes"},
		"not measured":      {line{row: row{goal: goal{false, [2]float64{0, 2}}}, ours: [2]float64{1, 0}}, ""},
		"at most":           {line{row: row{metric: millis, goal: goal{false, [2]float64{2, 2}}}, ours: [2]float64{2, 1}}, "yes"},
		"more than at most": {line{row: row{metric: millis, goal: goal{false, [2]float64{2, 2}}}, ours: [2]float64{1, 3}}, "no"},
		"a ratio of times":  {line{row: row{metric: millis, goal: goal{true, [2]float64{2, 2}}}, ours: [2]float64{9, 9}, ratio: [2]float64{2, 3}}, "yes"},
		"a ratio below":     {line{row: row{metric: millis, goal: goal{true, [2]float64{2, 2}}}, ours: [2]float64{1, 1}, ratio: [2]float64{2, 1}}, "no"},
	} {
		assert.Equal(t, c.want, c.line.met(), name)
	}
}
