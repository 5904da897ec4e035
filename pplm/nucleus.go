package pplm

import (
	"cmp"
	"slices"
)

// keepNucleus sets all of p, which adds up to total, to 0 but for the likeliest
// tokens that together have at least the share mass of it, and those equal to the
// last of them (Holtzman et al. 2020, arXiv 1904.09751). Then p is divided by its
// sum. A mass of 0 or 1 keeps all, and p as it is. It returns what p then adds up to.
func keepNucleus(p []float64, total, mass float64) float64 {
	if mass == 0 || mass == 1 {
		return total
	}
	// What is below floor adds up to less than the rest of the share, so that it
	// need not be sorted.
	floor := (1 - mass) * total / float64(len(p))
	var likely []float64
	for _, x := range p {
		if x > floor {
			likely = append(likely, x)
		}
	}
	slices.SortFunc(likely, func(x, y float64) int { return cmp.Compare(y, x) })
	least, sum := 0.0, 0.0
	for _, x := range likely {
		least = x
		if sum += x; sum >= mass*total {
			break
		}
	}
	sum = 0
	for i, x := range p {
		if x < least {
			p[i] = 0
		}
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return 1
}
