package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPrintTable(t *testing.T) {
	var b strings.Builder
	printTable(&b, []line{
		{row: row{work: "product", metric: flops, reference: openBLAS, goal: goal{true, [2]float64{0.95, 0.95}}},
			ours: [2]float64{100.4, 200}, reference: [2]float64{50, 101}, ratio: [2]float64{2.008, 1.98}, spread: 0.123},
		{row: row{work: "step", metric: tokens, goal: goal{false, [2]float64{0, 7000}}}, ours: [2]float64{4000, 0}},
	})
	assert.Equal(t, strings.TrimLeft(`
| work    | unit     | ours, 1 thread | 2 threads | spread | reference | 1 thread | 2 threads | ratio, 1 | 2    | goal          | met |
| ---     | ---      | ---:           | ---:      | ---:   | ---       | ---:     | ---:      | ---:     | ---: | ---           | --- |
| product | GFLOP/s  | 100            | 200       | 12 %   | openblas  | 50       | 101       | 2.01     | 1.98 | ratio >= 0.95 | yes |
| step    | tokens/s | 4000           |           |        |           |          |           |          |      | >= - / 7000   |     |
`, "\n"), b.String())
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{
		0: "", 0.00123456: "0.00123", 0.35: "0.35", 1: "1", 1.005: "1", 9.876: "9.88", 99.96: "100", 123.4: "123", 43210: "43210",
	} {
		assert.Equal(t, want, number(x), "%v", x)
	}
}
