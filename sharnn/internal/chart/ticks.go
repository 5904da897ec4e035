package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// ticks are some five round numbers, written as 250k and 1.5M.
type ticks struct{}

// Ticks is of plot.Ticker.
func (ticks) Ticks(lo, hi float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/4)))
	for _, more := range []float64{2, 2.5, 2} { // 2, 5 and 10 in all
		if (hi-lo)/step > 7 {
			step *= more
		}
	}
	var out []plot.Tick
	first := math.Ceil(lo/step - 1e-9)
	for i := range 8 {
		if v := (first+float64(i))*step + 0; v <= hi+step*1e-9 { // + 0 makes -0 of no sign
			out = append(out, plot.Tick{Value: v, Label: short(v)})
		}
	}
	return out
}

// short writes a number with at most six digits and a letter for thousands.
func short(x float64) string {
	unit := ""
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if x >= u.size || -x >= u.size {
			x, unit = x/u.size, u.name
			break
		}
	}
	return strconv.FormatFloat(x, 'g', 6, 64) + unit
}

// clock is a unit of time for an axis that ends at so many seconds.
func clock(seconds float64) (name string, size float64) {
	switch {
	case seconds >= 2*3600:
		return "hours", 3600
	case seconds >= 2*60:
		return "minutes", 60
	}
	return "seconds", 1
}
