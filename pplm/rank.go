package pplm

import "fmt"

// Method is one of the four ways to get a text that the paper compares (section
// 4): unsteered or steered, and the only sample or the best of several.
type Method struct {
	Name    string
	Steered bool // with Settings.Iterations as they are, else 0
	Ranked  bool // the best of several samples, else the first
}

// Methods are B, BR, BC and BCR.
func Methods() []Method {
	return []Method{{"B", false, false}, {"BR", false, true}, {"BC", true, false}, {"BCR", true, true}}
}

// FindMethod finds a method by name.
func FindMethod(name string) (Method, error) {
	for _, m := range Methods() {
		if m.Name == name {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("no method named %q: there are B, BR, BC, BCR", name)
}

// Pick is the sample that the method takes: the first, or see [Best].
func (m Method) Pick(samples []Sample, distinct float64) int {
	if !m.Ranked {
		return 0
	}
	return Best(samples, distinct)
}

// Best is the sample with the highest score among those whose [Distinct] is at
// least distinct; where there is none, that with the largest Distinct.
func Best(samples []Sample, distinct float64) int {
	best, most := -1, 0
	for i, s := range samples {
		d := Distinct(s.Tokens)
		if d > Distinct(samples[most].Tokens) {
			most = i
		}
		if d >= distinct && (best < 0 || s.Score > samples[best].Score) {
			best = i
		}
	}
	if best < 0 {
		return most
	}
	return best
}

// Distinct is the mean of [Dist] for n = 1, 2 and 3: low for a text that repeats
// itself. The paper discards samples below a threshold.
func Distinct(tokens []int32) float64 {
	return (Dist(1, tokens) + Dist(2, tokens) + Dist(3, tokens)) / 3
}

// Dist is dist-n of one or more texts: the number of distinct n-grams divided by
// the number of n-grams (Li et al. 2016), 1 where there is none.
func Dist(n int, texts ...[]int32) float64 {
	seen, total := make(map[string]bool), 0
	for _, text := range texts {
		for i := 0; i+n <= len(text); i++ {
			seen[fmt.Sprint(text[i:i+n])] = true
			total++
		}
	}
	if total == 0 {
		return 1
	}
	return float64(len(seen)) / float64(total)
}
