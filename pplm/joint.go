package pplm

import (
	"fmt"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// joint are the steps of texts that share passes, and what they are for all
// samples, B, of all texts.
type joint struct {
	steps    []*step
	last     *tensor.Tensor // (1, B) int32
	past     *tensor.Tensor // (B, H)
	expected *tensor.Tensor // (B, V): probabilities with lift
	plain    []State
	counts   []int
	tokens   [][]int32
}

// step is the steering of one text by one token.
type step struct {
	*Moment
	first    int  // its first sample's number among all
	from, to int  // the rows of the steered state that move
	cut      bool // others stay
	moving   [][]*tensor.Tensor
	deltas   [][]*tensor.Tensor // what is added to moving
	report   Report
}

// count is how many deltas there are.
func (s *step) count() int {
	n := 0
	for _, group := range s.deltas {
		n += len(group)
	}
	return n
}

// join prepares the steering of texts. The caller frees what comes.
func (p *Perturber) join(texts []*Moment) *joint {
	b, j := p.info.Backend, &joint{}
	var probs, past []*tensor.Tensor
	for _, m := range texts {
		s := &step{Moment: m, first: len(j.tokens)}
		s.from, s.to, s.cut = p.how.window(m.Steered.Rows())
		s.moving = m.Steered.Moving(s.from, s.to)
		j.steps = append(j.steps, s)
		probs, past, j.plain = append(probs, m.Probs), append(past, m.Past), append(j.plain, m.Plain)
		j.tokens = append(j.tokens, m.Tokens...)
		j.counts = append(j.counts, slices.Repeat([]int{m.Count}, len(m.Tokens))...)
	}
	p.start(j)
	j.last, j.past = lastOf(b, j.tokens), stacked(b, past)
	all := stacked(b, probs)
	defer backend.Release(b, all)
	j.expected = p.lifted(all)
	return j
}

func (j *joint) free(b backend.Backend) { backend.Release(b, j.last, j.past, j.expected) }

// start makes the deltas zeros of moving's shapes. Their headers stay the same while
// there are as many texts, so that the tape tracks them.
func (p *Perturber) start(j *joint) {
	b := p.info.Backend
	if len(j.steps) != len(p.deltas) {
		p.freeDeltas()
		var all []*tensor.Tensor
		for _, s := range j.steps {
			var deltas [][]*tensor.Tensor
			for _, group := range s.moving {
				own := make([]*tensor.Tensor, len(group))
				for i, x := range group {
					own[i] = backend.New(b, x.DType, x.Shape...)
				}
				deltas, all = append(deltas, own), append(all, own...)
			}
			p.deltas = append(p.deltas, deltas)
		}
		p.tape = autograd.NewTape(b, all...)
	}
	for k, s := range j.steps {
		s.deltas = p.deltas[k]
		for g, group := range s.moving {
			for i, x := range group {
				delta := s.deltas[g][i]
				if !slices.Equal(delta.Shape, x.Shape) {
					b.Free(delta.Buf)
					backend.Init(b, delta, x.DType, x.Shape...)
				}
				b.Fill(delta, 0)
			}
		}
	}
}

// lifted is probs with [lift], for divergence; the caller frees it.
func (p *Perturber) lifted(probs *tensor.Tensor) *tensor.Tensor {
	defer p.tape.Reset()
	q := p.tape.Leaf(probs)
	return autograd.Keep(autograd.Add(q, lift(q)))
}

// measure reports the norms of a step's gradients, of sums of their squares (deltas,
// B), which must be numbers.
func (s *step) measure(sums []float64) {
	batch := len(s.Tokens)
	norms := make([][]float64, len(s.deltas))
	for g, group := range s.deltas {
		norms[g] = make([]float64, batch)
		for range group {
			for i := range norms[g] {
				norms[g][i] += sums[i]
			}
			sums = sums[batch:]
		}
		for i, sum := range norms[g] {
			if norms[g][i] = math.Sqrt(sum); !finite(sum) && s.report.Err == nil {
				s.report.Err = fmt.Errorf("steering, iteration %d: the gradient of sample %d has the norm %v in layer %d",
					len(s.report.Norms)+1, i, norms[g][i], g)
			}
		}
	}
	s.report.Norms = append(s.report.Norms, norms)
}

// stacked are tensors (Bi, n) as one (B, n), which the caller frees.
func stacked(b backend.Backend, parts []*tensor.Tensor) *tensor.Tensor {
	rows := 0
	for _, x := range parts {
		rows += x.Dim(0)
	}
	all, at := backend.New(b, parts[0].DType, rows, parts[0].Dim(1)), 0
	for _, x := range parts {
		b.Copy(all.Slice(0, at, at+x.Dim(0)), x)
		at += x.Dim(0)
	}
	return all
}

// lastOf are the samples' last tokens, (1, B).
func lastOf(b backend.Backend, tokens [][]int32) *tensor.Tensor {
	tails := make([][]int32, len(tokens))
	for i, text := range tokens {
		tails[i] = text[len(text)-1:]
	}
	return ids(b, tails)
}
