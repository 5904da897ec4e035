package pplm

import (
	"fmt"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// sampleSite keeps draws in a stream apart from dropout masks and initial values.
const sampleSite = 1 << 26

// fuse is p^g * q^(1-g) (B, V), from logarithms of both.
func fuse(logP, logQ *autograd.Var, g float64) *autograd.Var {
	return autograd.Exp(autograd.Add(autograd.Scale(logP, g), autograd.Scale(logQ, 1-g)))
}

// penalised are logits (B, V) with those of the tokens that a sample has divided by
// its factor, or multiplied where negative (Keskar et al. 2019, section 4.1).
func penalised(logits *autograd.Var, tokens [][]int32, factors []float64) (*autograd.Var, error) {
	if !slices.ContainsFunc(factors, func(f float64) bool { return f != 1 }) {
		return logits, nil
	}
	t, v := logits.Tape(), logits.Value.Dim(1)
	numbers, err := new(reader).read(t.Backend, logits.Value)
	if err != nil {
		return nil, err
	}
	for i, text := range tokens {
		row, factor, seen := numbers[i*v:(i+1)*v], factors[i], make(map[int32]bool, len(text))
		for _, id := range text {
			switch {
			case seen[id]:
			case row[id] < 0:
				row[id] *= factor
			default:
				row[id] /= factor
			}
			seen[id] = true
		}
	}
	return t.Own(fromNumbers(t.Backend, logits.Value.DType, numbers, logits.Shape()...)), nil
}

// at are single elements of x (B, V): element ids[i] of row i.
func at(x *autograd.Var, ids []int32) ([]float64, error) {
	t, v := x.Tape(), x.Value.Dim(1)
	index := make([]int32, len(ids))
	for i, id := range ids {
		index[i] = int32(i*v) + id
	}
	picked := autograd.Gather(autograd.Reshape(x, -1), t.Own(backend.FromSlice(t.Backend, index, len(index))))
	return new(reader).read(t.Backend, picked.Value)
}

// keepTop sets all but the k largest of p to 0, and keeps those equal to the kth;
// k = 0 keeps all. Then p is divided by its sum where that is at most 1, as the
// reference does: beyond 1 there is only rounding. It returns what p then adds up
// to.
func keepTop(p []float64, k int) (total float64, err error) {
	least := math.Inf(-1)
	if k > 0 && k < len(p) {
		least = kth(p, k)
	}
	for i, x := range p {
		if x < least {
			p[i] = 0
			continue
		}
		total += x
	}
	if !finite(total) || total <= 0 {
		return 0, fmt.Errorf("the probabilities add up to %v", total)
	}
	if total > 1 {
		return total, nil
	}
	for i, x := range p {
		if x != 0 {
			p[i] = x / total
		}
	}
	return 1, nil
}

// kth is the kth largest of p, found with a heap of the k largest so far, the
// smallest of them on top.
func kth(p []float64, k int) float64 {
	heap := slices.Clone(p[:k])
	slices.Sort(heap)
	for _, x := range p[k:] {
		if !(x > heap[0]) {
			continue
		}
		i := 0
		for {
			child := 2*i + 1
			if child+1 < k && heap[child+1] < heap[child] {
				child++
			}
			if child >= k || x <= heap[child] {
				break
			}
			heap[i] = heap[child]
			i = child
		}
		heap[i] = x
	}
	return heap[0]
}

// likeliest is the first of the largest elements.
func likeliest(p []float64) int32 {
	best := 0
	for i, x := range p {
		if x > p[best] {
			best = i
		}
	}
	return int32(best)
}

// draw takes token i with probability p[i]/total; u is uniform in [0, 1).
func draw(p []float64, total, u float64) int32 {
	left, last := u*total, 0
	for i, x := range p {
		if x == 0 {
			continue
		}
		if left -= x; left < 0 {
			return int32(i)
		}
		last = i
	}
	return int32(last) // rounding left more than the last probability
}

// noise is the uniform number that a sample's token is drawn with: the same for
// steered and unsteered text, and whatever other samples there are.
func noise(seed uint64, sample, token int) float64 {
	key := tensor.Key{Seed: seed, Step: uint32(token), Site: sampleSite + uint32(sample)}
	return key.Uniform(0)
}

// finite tells whether x is neither infinite nor NaN.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
