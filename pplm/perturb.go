package pplm

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// tiny is the reference's constant under logarithms and quotients.
const tiny = 1e-15

// Moment is where a text stands, of one or more samples: the last of its tokens has
// been read by the plain state, and is not yet read by the steered one.
type Moment struct {
	Steered State          // what moves
	Plain   State          // unsteered, after the last token
	Probs   *tensor.Tensor // (B, V): what the plain state expects next
	Past    *tensor.Tensor // (B, H): the sum of the plain hidden states before it
	Count   int            // of them
	Tokens  [][]int32      // by sample

	// Largest is the running maximum of the gradient's norms, by group and sample;
	// nil at first. Perturb sets it, for the text's next Moment.
	Largest [][]float64
}

// Report is what the iterations of one token measured.
type Report struct {
	Losses [][]float64   // by iteration and sample: attributes and divergence
	KL     []float64     // by sample: the last iteration's divergence, not scaled
	Norms  [][][]float64 // by iteration, group and sample, of the gradient as it is

	Err error // which loss or norm is no number; the text has not moved
}

// Perturber moves states so that attributes grow more probable (the paper's section
// 3.2): gradient steps on the losses and the divergence from the plain distribution,
// of the pass that reads the last token. Texts share passes, and so do a text's
// samples, but neither norms nor anything else. A [Group] has one; it stands alone
// for programs that choose tokens in ways of their own. It belongs to one goroutine.
type Perturber struct {
	lm         LM
	info       Info
	attributes []Attribute
	how        Settings

	tape    *autograd.Tape
	deltas  [][][]*tensor.Tensor // what is added to Moving, by text and group
	decay   *tensor.Tensor       // (window, 1, 1); nil without decay
	squares reader
}

// NewPerturber is a perturber of a model's states, by at least one attribute and
// settings that pass Check. The caller frees it.
func NewPerturber(lm LM, attributes []Attribute, how Settings) *Perturber {
	p := &Perturber{lm: lm, info: lm.Info(), attributes: attributes, how: how}
	if how.Decay {
		share := make([]float64, how.Window)
		for i := range share {
			share[i] = float64(i+1) / float64(how.Window)
		}
		p.decay = fromNumbers(p.info.Backend, p.info.DType, share, how.Window, 1, 1)
	}
	return p
}

// Free gives the perturber's memory back.
func (p *Perturber) Free() {
	p.freeDeltas()
	backend.Release(p.info.Backend, p.decay)
	p.decay = nil
}

func (p *Perturber) freeDeltas() {
	for _, text := range p.deltas {
		for _, group := range text {
			backend.Release(p.info.Backend, group...)
		}
	}
	p.deltas, p.tape = nil, nil
}

// Perturb moves the steered states of texts, one token of each. Its error is the
// device's or ctx's; what is wrong with a text alone stands in its report.
func (p *Perturber) Perturb(ctx context.Context, texts ...*Moment) ([]*Report, error) {
	j := p.join(texts)
	defer j.free(p.info.Backend)
	for i := range p.how.Iterations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.iterate(j); err != nil {
			return nil, fmt.Errorf("steering, iteration %d: %w", i+1, err)
		}
	}
	reports := make([]*Report, len(texts))
	backend.Graph(p.info.Backend, func() {
		for i, s := range j.steps {
			if reports[i] = &s.report; s.report.Err != nil {
				continue
			}
			for g, group := range s.moving {
				for k, x := range group {
					p.info.Backend.Binary(backend.Add, x, x, s.deltas[g][k])
				}
			}
		}
	})
	return reports, nil
}

// iterate is one pass forward, one backward and one move of the deltas.
func (p *Perturber) iterate(j *joint) error {
	b, t := p.info.Backend, p.tape
	defer t.Reset()
	var deltas, parts []*autograd.Var
	var loss, kl *autograd.Var
	backend.Graph(b, func() {
		states := make([]State, len(j.steps))
		for i, s := range j.steps {
			moved := make([][]*autograd.Var, len(s.moving))
			for g, group := range s.moving {
				for k, x := range group {
					delta := t.Leaf(s.deltas[g][k])
					deltas = append(deltas, delta)
					moved[g] = append(moved[g], autograd.Add(t.Leaf(x), delta))
				}
			}
			states[i] = s.Steered.With(s.from, s.to, moved)
		}
		parts, loss, kl = p.loss(j, states)
	})
	if err := p.readLosses(j, parts, loss, kl); err != nil {
		return err
	}
	grads, err := p.gradients(j, loss, deltas)
	defer backend.Release(b, grads...)
	if err != nil {
		return err
	}
	factors := make([][][]float64, len(j.steps))
	for i, s := range j.steps {
		factors[i] = p.factors(s)
	}
	backend.Graph(b, func() { p.move(j, grads, factors) })
	return nil
}

// loss is what is to be lowered, for each sample (B), once the moved states have
// read the last tokens: the attributes' losses, which come as parts, and the scaled
// divergence, which comes unscaled as kl.
func (p *Perturber) loss(j *joint, moved []State) (parts []*autograd.Var, loss, kl *autograd.Var) {
	t, batch := p.tape, len(j.tokens)
	logits, hidden, _ := p.lm.Step(t, t.Leaf(j.last), moved...)
	c := &Context{
		Tape: t, LM: p.lm, Plain: j.plain, Tokens: j.tokens,
		Logits: autograd.Reshape(logits, batch, -1),
		Hidden: autograd.Reshape(hidden, batch, -1),
		Past:   t.Leaf(j.past), Counts: j.counts,
	}
	c.Probs = autograd.Softmax(c.Logits)
	parts = c.losses(p.attributes)
	loss = parts[0]
	for _, l := range parts[1:] {
		loss = autograd.Add(loss, l)
	}
	if p.how.KLScale == 0 { // measured, without a gradient
		return parts, loss, divergence(autograd.Detach(c.Probs), t.Leaf(j.expected))
	}
	kl = divergence(c.Probs, t.Leaf(j.expected))
	return parts, autograd.Add(loss, autograd.Scale(kl, p.how.KLScale)), kl
}

// divergence is KL(p||q) for each row of p and lifted q (B, V), with 1e-15 added to
// probabilities up to 1e-15 as the reference does.
func divergence(p, q *autograd.Var) *autograd.Var {
	p = autograd.Add(p, lift(p))
	terms := autograd.Mul(p, autograd.Log(autograd.Div(p, q)))
	return autograd.Reshape(autograd.Sum(terms, 1), p.Shape()[0])
}

// lift is 1e-15 where p is at most that, else 0, and no function of p.
func lift(p *autograd.Var) *autograd.Var {
	t := p.Tape()
	number := func(x float64) *autograd.Var {
		v := t.Own(backend.New(t.Backend, p.Value.DType))
		t.Backend.Fill(v.Value, x)
		return v
	}
	least := number(tiny)
	return autograd.Select(autograd.Less(least, autograd.Detach(p)), number(0), least)
}

// readLosses reports the losses, which must be numbers: where one is not, an
// attribute's is to blame, or else the divergence.
func (p *Perturber) readLosses(j *joint, parts []*autograd.Var, loss, kl *autograd.Var) error {
	b := p.info.Backend
	losses, err := new(reader).read(b, loss.Value)
	if err != nil {
		return err
	}
	divergences, err := new(reader).read(b, kl.Value)
	if err != nil {
		return err
	}
	for _, s := range j.steps {
		r, own := &s.report, losses[s.first:s.first+len(s.Tokens)]
		r.Losses, r.KL = append(r.Losses, own), divergences[s.first:s.first+len(s.Tokens)]
		if i := slices.IndexFunc(own, func(l float64) bool { return !finite(l) }); i >= 0 && r.Err == nil {
			if err := p.blame(s, i, parts); err != nil {
				return err
			}
		}
	}
	return nil
}

// blame reports what makes the loss of a step's sample no number.
func (p *Perturber) blame(s *step, sample int, parts []*autograd.Var) error {
	r := &s.report
	n := len(r.Losses)
	for a, part := range parts {
		numbers, err := new(reader).read(p.info.Backend, part.Value)
		if err != nil {
			return err
		}
		if l := numbers[s.first+sample]; !finite(l) {
			r.Err = fmt.Errorf("steering, iteration %d: the loss of %s is %v in sample %d", n, nameOf(p.attributes[a]), l, sample)
			return nil
		}
	}
	r.Err = fmt.Errorf("steering, iteration %d: the loss of sample %d is %v, its divergence %v", n, sample, r.Losses[n-1][sample], r.KL[sample])
	return nil
}

// gradients of the losses, which the caller frees; their norms are reported.
func (p *Perturber) gradients(j *joint, loss *autograd.Var, deltas []*autograd.Var) (grads []*tensor.Tensor, err error) {
	b, n := p.info.Backend, 0
	for _, s := range j.steps {
		n += s.count() * len(s.Tokens)
	}
	squares := backend.New(b, p.info.DType, n)
	defer backend.Release(b, squares)
	backend.Graph(b, func() {
		grads = p.tape.Grad(autograd.Sum(loss), deltas...)
		b.Fill(squares, 0)
		i, at := 0, 0
		for _, s := range j.steps {
			batch := len(s.Tokens)
			for range s.count() {
				p.square(grads[i], squares.Slice(0, at, at+batch), s.cut)
				i, at = i+1, at+batch
			}
		}
	})
	sums, err := p.squares.read(b, squares)
	if err != nil {
		return grads, err
	}
	for _, s := range j.steps {
		n := s.count() * len(s.Tokens)
		s.measure(sums[:n])
		sums = sums[n:]
	}
	return grads, nil
}

// square adds to squares (B) those of a gradient, which is cut to the window's decay
// first.
func (p *Perturber) square(g, squares *tensor.Tensor, cut bool) {
	b, batch := p.info.Backend, squares.Len()
	switch {
	case g == nil:
	case g.Rank() == 3:
		if p.decay != nil && cut {
			b.Binary(backend.Mul, g, g, p.decay)
		}
		b.Reduce(backend.SumSquares, squares.Reshape(1, batch, 1), g)
	default:
		b.Reduce(backend.SumSquares, squares.Reshape(batch, 1), g)
	}
}

// settled is a loss of which nothing is left to be lowered. What is left of its
// gradient is noise, which the division by its norm would make the largest of moves:
// away from an attribute that a text does not have, say. Weights below 0 make losses
// below 0, of which much may be left.
const settled = 1e-3

// factors are what a step's gradients are multiplied by, by group and sample:
// -step / divisor^gamma, and 0 where the loss is settled.
func (p *Perturber) factors(s *step) [][]float64 {
	last := len(s.report.Norms) - 1
	losses, norms := s.report.Losses[last], s.report.Norms[last]
	running := p.how.Norm == RunningNorm || p.how.Norm == ReferenceNorm && bagsOnly(p.attributes)
	before := s.Largest
	s.Largest = make([][]float64, len(norms))
	factors := make([][]float64, len(norms))
	for g, group := range norms {
		factors[g], s.Largest[g] = make([]float64, len(group)), make([]float64, len(group))
		for i, norm := range group {
			d := norm + tiny
			if running && before != nil {
				d = max(before[g][i], norm)
			}
			s.Largest[g][i] = d
			if math.Abs(losses[i]) >= settled {
				factors[g][i] = -p.how.StepSize / math.Pow(d, p.how.Gamma)
			}
		}
	}
	return factors
}

// move adds gradients times factors, by text, group and sample, to the deltas. The
// gradients are spent.
func (p *Perturber) move(j *joint, grads []*tensor.Tensor, factors [][][]float64) {
	b, i := p.info.Backend, 0
	for k, s := range j.steps {
		for g, group := range s.deltas {
			factor := fromNumbers(b, p.info.DType, factors[k][g], len(s.Tokens), 1)
			for _, delta := range group {
				if grad := grads[i]; grad != nil {
					b.Binary(backend.Mul, grad, grad, factor)
					b.Binary(backend.Add, delta, delta, grad)
				}
				i++
			}
			backend.Release(b, factor)
		}
	}
}
