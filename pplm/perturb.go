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

// Moment is where a text stands: a token has been read by the plain state, and is
// not yet read by the steered one.
type Moment struct {
	Last   *tensor.Tensor // (1, B) int32: that token
	Plain  State          // after it
	Probs  *tensor.Tensor // (B, V): what the plain state expects next
	Past   *tensor.Tensor // (B, H): the sum of the plain hidden states before it
	Count  int            // of them
	Tokens [][]int32      // by sample, with it
}

// Perturber moves a state so that attributes grow more probable (the paper's
// section 3.2): gradient steps on the losses and the divergence from the plain
// distribution, of the pass that reads the last token. Samples of a batch share
// passes, but neither norms nor anything else. A [Generator] has one; it stands
// alone for programs that choose tokens in ways of their own. It belongs to one
// goroutine.
type Perturber struct {
	Largest [][]float64 // running maximum of the norms, by group and sample; nil at first

	lm         LM
	info       Info
	attributes []Attribute
	how        Settings

	tape    *autograd.Tape
	deltas  [][]*tensor.Tensor // what is added to Moving, by group
	decay   *tensor.Tensor     // (window, 1, 1); nil without decay
	squares reader
}

// Report is what the iterations of one token measured.
type Report struct {
	Losses [][]float64   // by iteration and sample: attributes and divergence
	KL     []float64     // by sample: the last iteration's divergence, not scaled
	Norms  [][][]float64 // by iteration, group and sample, of the gradient as it is
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
	for _, group := range p.deltas {
		backend.Release(p.info.Backend, group...)
	}
	backend.Release(p.info.Backend, p.decay)
	p.deltas, p.decay = nil, nil
}

// step is the steering of one token.
type step struct {
	*Moment
	state    State // the steered one, which has not read the last token
	from, to int   // its rows that move
	cut      bool  // others stay
	moving   [][]*tensor.Tensor
	expected *tensor.Tensor // (B, V): probs with lift
	report   Report
}

// Perturb moves the steered state, which has not read m.Last. Its errors are the
// device's or ctx's, or say which loss is no number.
func (p *Perturber) Perturb(ctx context.Context, state State, m *Moment) (*Report, error) {
	s := &step{Moment: m, state: state}
	s.from, s.to, s.cut = p.how.window(state.Rows())
	s.moving = state.Moving(s.from, s.to)
	p.start(s.moving)
	s.expected = p.lifted(m.Probs)
	defer backend.Release(p.info.Backend, s.expected)
	for i := range p.how.Iterations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := p.iterate(s); err != nil {
			return nil, fmt.Errorf("steering, iteration %d: %w", i+1, err)
		}
	}
	backend.Graph(p.info.Backend, func() {
		for g, group := range s.moving {
			for i, x := range group {
				p.info.Backend.Binary(backend.Add, x, x, p.deltas[g][i])
			}
		}
	})
	return &s.report, nil
}

// start makes the deltas zeros of moving's shapes. Their headers stay the same, so
// that the tape tracks them for good.
func (p *Perturber) start(moving [][]*tensor.Tensor) {
	b := p.info.Backend
	if p.tape == nil {
		var all []*tensor.Tensor
		for _, group := range moving {
			deltas := make([]*tensor.Tensor, len(group))
			for i, x := range group {
				deltas[i] = backend.New(b, x.DType, x.Shape...)
			}
			p.deltas, all = append(p.deltas, deltas), append(all, deltas...)
		}
		p.tape = autograd.NewTape(b, all...)
	}
	for g, group := range moving {
		for i, x := range group {
			delta := p.deltas[g][i]
			if delta.Len() != x.Len() {
				b.Free(delta.Buf)
				backend.Init(b, delta, x.DType, x.Shape...)
			}
			b.Fill(delta, 0)
		}
	}
}

// iterate is one pass forward, one backward and one move of the deltas.
func (p *Perturber) iterate(s *step) error {
	b, t := p.info.Backend, p.tape
	defer t.Reset()
	var deltas, parts []*autograd.Var
	var loss, kl *autograd.Var
	backend.Graph(b, func() {
		moved := make([][]*autograd.Var, len(s.moving))
		for g, group := range s.moving {
			for i, x := range group {
				delta := t.Leaf(p.deltas[g][i])
				deltas = append(deltas, delta)
				moved[g] = append(moved[g], autograd.Add(t.Leaf(x), delta))
			}
		}
		parts, loss, kl = p.loss(s, s.state.With(s.from, s.to, moved))
	})
	if err := p.readLosses(&s.report, parts, loss, kl); err != nil {
		return err
	}
	grads, norms, err := p.gradients(s, loss, deltas)
	defer backend.Release(b, grads...)
	if err != nil {
		return err
	}
	s.report.Norms = append(s.report.Norms, norms)
	divisors, losses := p.divisors(norms), s.report.Losses[len(s.report.Losses)-1]
	backend.Graph(b, func() { p.move(grads, divisors, losses) })
	return nil
}

// gradients of the losses, which the caller frees, and their norms.
func (p *Perturber) gradients(s *step, loss *autograd.Var, deltas []*autograd.Var) (grads []*tensor.Tensor, norms [][]float64, err error) {
	b, batch := p.info.Backend, len(s.Tokens)
	squares := backend.New(b, p.info.DType, len(deltas), batch)
	defer backend.Release(b, squares)
	backend.Graph(b, func() {
		grads = p.tape.Grad(autograd.Sum(loss), deltas...)
		if p.decay != nil && s.cut {
			for _, g := range grads {
				if g != nil && g.Rank() == 3 {
					b.Binary(backend.Mul, g, g, p.decay)
				}
			}
		}
		b.Fill(squares, 0)
		p.sumSquares(squares, grads, batch)
	})
	norms, err = p.norms(squares, batch)
	return grads, norms, err
}

// loss is what is to be lowered, for each sample (B), once the moved state has read
// the last token: the attributes' losses, which come as parts, and the scaled
// divergence, which comes unscaled as kl.
func (p *Perturber) loss(s *step, moved State) (parts []*autograd.Var, loss, kl *autograd.Var) {
	t, batch := p.tape, len(s.Tokens)
	logits, hidden, _ := p.lm.Step(t, t.Leaf(s.Last), moved)
	c := &Context{
		Tape: t, LM: p.lm, Plain: s.Plain, Tokens: s.Tokens,
		Logits: autograd.Reshape(logits, batch, -1),
		Hidden: autograd.Reshape(hidden, batch, -1),
		Past:   t.Leaf(s.Past), Count: s.Count,
	}
	c.Probs = autograd.Softmax(c.Logits)
	parts = c.losses(p.attributes)
	loss = parts[0]
	for _, l := range parts[1:] {
		loss = autograd.Add(loss, l)
	}
	if p.how.KLScale == 0 { // measured, without a gradient
		return parts, loss, divergence(autograd.Detach(c.Probs), t.Leaf(s.expected))
	}
	kl = divergence(c.Probs, t.Leaf(s.expected))
	return parts, autograd.Add(loss, autograd.Scale(kl, p.how.KLScale)), kl
}

// lifted is probs with [lift], for divergence; the caller frees it.
func (p *Perturber) lifted(probs *tensor.Tensor) *tensor.Tensor {
	defer p.tape.Reset()
	q := p.tape.Leaf(probs)
	return autograd.Keep(autograd.Add(q, lift(q)))
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
func (p *Perturber) readLosses(r *Report, parts []*autograd.Var, loss, kl *autograd.Var) error {
	b := p.info.Backend
	losses, err := new(reader).read(b, loss.Value)
	if err != nil {
		return err
	}
	r.Losses = append(r.Losses, losses)
	if r.KL, err = new(reader).read(b, kl.Value); err != nil {
		return err
	}
	i := slices.IndexFunc(losses, func(l float64) bool { return !finite(l) })
	if i < 0 {
		return nil
	}
	for a, part := range parts {
		numbers, err := new(reader).read(b, part.Value)
		if err != nil {
			return err
		}
		if !finite(numbers[i]) {
			return fmt.Errorf("the loss of %s is %v in sample %d", nameOf(p.attributes[a]), numbers[i], i)
		}
	}
	return fmt.Errorf("the loss of sample %d is %v, its divergence %v", i, losses[i], r.KL[i])
}

// sumSquares writes the gradients' sums of squares (grads, B).
func (p *Perturber) sumSquares(squares *tensor.Tensor, grads []*tensor.Tensor, batch int) {
	b := p.info.Backend
	for i, g := range grads {
		switch {
		case g == nil:
		case g.Rank() == 3:
			b.Reduce(backend.SumSquares, squares.Slice(0, i, i+1).Reshape(1, batch, 1), g)
		default:
			b.Reduce(backend.SumSquares, squares.Slice(0, i, i+1).Reshape(batch, 1), g)
		}
	}
}

// norms are the gradients' norms, by group and sample, of the sums of their
// squares.
func (p *Perturber) norms(squares *tensor.Tensor, batch int) ([][]float64, error) {
	sums, err := p.squares.read(p.info.Backend, squares)
	if err != nil {
		return nil, err
	}
	norms, i := make([][]float64, len(p.deltas)), 0
	for g, group := range p.deltas {
		norms[g] = make([]float64, batch)
		for range group {
			for j := range norms[g] {
				norms[g][j] += sums[i*batch+j]
			}
			i++
		}
		for j, sum := range norms[g] {
			if norms[g][j] = math.Sqrt(sum); !finite(sum) {
				return nil, fmt.Errorf("the gradient of sample %d has the norm %v in layer %d", j, sum, g)
			}
		}
	}
	return norms, nil
}

// divisors are what moves are divided by, by group and sample.
func (p *Perturber) divisors(norms [][]float64) [][]float64 {
	running := p.how.Norm == RunningNorm || p.how.Norm == ReferenceNorm && bagsOnly(p.attributes)
	first := p.Largest == nil
	if first {
		p.Largest = make([][]float64, len(norms))
	}
	out := make([][]float64, len(norms))
	for g, group := range norms {
		out[g] = make([]float64, len(group))
		for j, norm := range group {
			if running && !first {
				out[g][j] = max(p.Largest[g][j], norm)
			} else {
				out[g][j] = norm + tiny
			}
		}
		p.Largest[g] = out[g]
	}
	return out
}

// settled is a loss of which nothing is left to be lowered. What is left of its
// gradient is noise, which the division by its norm would make the largest of moves:
// away from an attribute that a text does not have, say. Weights below 0 make losses
// below 0, of which much may be left.
const settled = 1e-3

// move adds -step * gradient / divisor^gamma to the deltas of samples whose loss is
// not settled. The gradients are spent.
func (p *Perturber) move(grads []*tensor.Tensor, divisors [][]float64, losses []float64) {
	b, i := p.info.Backend, 0
	for g, group := range p.deltas {
		factors := make([]float64, len(divisors[g]))
		for j, d := range divisors[g] {
			if math.Abs(losses[j]) >= settled {
				factors[j] = -p.how.StepSize / math.Pow(d, p.how.Gamma)
			}
		}
		factor := fromNumbers(b, p.info.DType, factors, len(factors), 1)
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
