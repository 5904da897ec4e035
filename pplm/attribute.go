package pplm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/autograd"
	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Attribute is a model p(a|x) of how far a text x has what is wanted of it.
//
// It may have further methods. Check(Info) error tells before the first token
// what does not fit the language model. LookAhead() int is the largest horizon
// that Loss gives to [Context.Mean]. OfText() bool, where true, says that Loss
// judges all that has been read, as a discriminator does, and not what comes
// next, as a bag of words does: see [Sample].
type Attribute interface {
	// Loss is -log p(a|x) for each of B samples, (B), on c's tape.
	Loss(c *Context) *autograd.Var
}

// Context is what an attribute sees while one token is chosen.
type Context struct {
	Tape   *autograd.Tape
	LM     LM
	Logits *autograd.Var // (B, V), of the next token
	Probs  *autograd.Var // (B, V), their softmax
	Hidden *autograd.Var // (B, H), of the last token read
	Past   *autograd.Var // (B, H), the sum of the hidden states before it, unsteered: a constant
	Counts []int         // how many Past adds up, by sample
	Plain  []State       // unsteered, after the last token, side by side; nil where a text is judged as it stands
	Tokens [][]int32     // what each sample has read, the prompt included; not to be changed

	sums []*autograd.Var // sums[i]: ahead(i+1)
	tip  []State         // after len(sums) steps ahead
}

// Mean is the mean hidden state (B, H) of what has been read and of horizon further
// steps, at least 1: after the unsteered past, each feeds the expected embedding
// under Probs, the same in every step. Gradients flow through these steps alone, as
// in the reference. Where a text is judged as it stands there are no further steps.
func (c *Context) Mean(horizon int) *autograd.Var {
	sum, n := autograd.Add(c.Past, autograd.Detach(c.Hidden)), 1
	if c.Plain != nil {
		sum, n = autograd.Add(sum, c.ahead(horizon)), n+horizon
	}
	shares := make([]float64, len(c.Counts))
	for i, count := range c.Counts {
		shares[i] = 1 / float64(count+n)
	}
	return scaled(sum, shares)
}

// scaled is x (B, n) with each row times its own factor.
func scaled(x *autograd.Var, factors []float64) *autograd.Var {
	if slices.Min(factors) == slices.Max(factors) {
		return autograd.Scale(x, factors[0])
	}
	t := x.Tape()
	return autograd.Mul(x, t.Own(fromNumbers(t.Backend, x.Value.DType, factors, len(factors), 1)))
}

// ahead is the sum (B, H) of the hidden states of n further steps.
func (c *Context) ahead(n int) *autograd.Var {
	if c.tip == nil {
		c.tip = c.Plain
	}
	b, v := c.Probs.Value.Dim(0), c.Probs.Value.Dim(1)
	for len(c.sums) < n {
		_, hidden, next := c.LM.Step(c.Tape, autograd.Reshape(c.Probs, 1, b, v), c.tip...)
		sum := autograd.Reshape(hidden, b, -1)
		if k := len(c.sums); k > 0 {
			sum = autograd.Add(c.sums[k-1], sum)
		}
		c.sums, c.tip = append(c.sums, sum), next
	}
	return c.sums[n-1]
}

// Constant puts numbers on the tape in the language model's dtype.
func (c *Context) Constant(numbers []float64, shape ...int) *autograd.Var {
	return c.Tape.Own(fromNumbers(c.Tape.Backend, c.Logits.Value.DType, numbers, shape...))
}

// Weight is an attribute whose loss counts w times: p(a|x)^w.
func Weight(w float64, a Attribute) Attribute { return weighted{a, w} }

type weighted struct {
	Attribute
	by float64
}

func (w weighted) Loss(c *Context) *autograd.Var {
	return autograd.Scale(w.Attribute.Loss(c), w.by)
}

// Not is an attribute's absence, 1 - p(a|x): steering moves away from it, as in
// detoxification. Its loss -log(1 - (1-1e-6) p) is at most 13.8, so that
// where a text is all that it should not be, loss and gradient stay finite. It is
// for attributes whose p is a probability: not for one with a weight. Where all losses
// of a sample add up to less than 0.001 from 0, as those of what a text has not, the
// sample does not move.
func Not(a Attribute) Attribute { return not{a} }

type not struct{ Attribute }

// notFloor is the least probability that Not takes a logarithm of.
const notFloor = 1e-6

func (n not) Loss(c *Context) *autograd.Var {
	p := autograd.Exp(autograd.Scale(n.Attribute.Loss(c), -1))
	return autograd.Scale(autograd.Log(autograd.Shift(p, notFloor-1, 1)), -1)
}

// inner is a without weight and negation.
func inner(a Attribute) Attribute {
	switch w := a.(type) {
	case weighted:
		return inner(w.Attribute)
	case not:
		return inner(w.Attribute)
	}
	return a
}

// nameOf is an attribute for people.
func nameOf(a Attribute) string {
	switch x := inner(a).(type) {
	case *Bag:
		return "the bag of words " + x.Name
	case *Discriminator:
		return fmt.Sprintf("class %d of the discriminator", x.Class)
	default:
		return fmt.Sprintf("the attribute %T", x)
	}
}

// checkAttribute asks an attribute whether it fits a language model.
func checkAttribute(a Attribute, info Info) error {
	if a == nil {
		return errors.New("an attribute is nil")
	}
	switch w := a.(type) {
	case weighted:
		if !finite(w.by) {
			return fmt.Errorf("an attribute's weight is %v", w.by)
		}
		return checkAttribute(w.Attribute, info)
	case not:
		if _, twice := w.Attribute.(weighted); twice {
			return errors.New("an attribute with a weight cannot be negated: give the weight to the negation")
		}
		if b, bag := w.Attribute.(*Bag); bag && slices.ContainsFunc(b.Words, func(w Word) bool { return w.Times > 1 }) {
			return fmt.Errorf("bag of words %s: a word stands in it twice, so that its probability can exceed 1: it cannot be negated", b.Name)
		}
		return checkAttribute(w.Attribute, info)
	}
	if c, ok := a.(interface{ Check(Info) error }); ok {
		return c.Check(info)
	}
	return nil
}

// ofText tells whether an attribute judges all that has been read.
func ofText(a Attribute) bool {
	o, ok := inner(a).(interface{ OfText() bool })
	return ok && o.OfText()
}

// lookAhead is how far the attributes look ahead.
func lookAhead(attributes []Attribute) int {
	most := 0
	for _, a := range attributes {
		if l, ok := inner(a).(interface{ LookAhead() int }); ok {
			most = max(most, l.LookAhead())
		}
	}
	return most
}

// bagsOnly tells whether all attributes are bags of words.
func bagsOnly(attributes []Attribute) bool {
	return !slices.ContainsFunc(attributes, func(a Attribute) bool {
		_, bag := inner(a).(*Bag)
		return !bag
	})
}

// losses are the attributes' losses, (B) each.
func (c *Context) losses(attributes []Attribute) []*autograd.Var {
	out := make([]*autograd.Var, len(attributes))
	for i, a := range attributes {
		out[i] = a.Loss(c)
		if s := out[i].Shape(); len(s) != 1 || s[0] != c.Probs.Value.Dim(0) {
			tensor.Panicf(fmt.Sprintf("%T.Loss", inner(a)), []*tensor.Tensor{out[i].Value}, "want one number for each of %d samples", c.Probs.Value.Dim(0))
		}
	}
	return out
}

// fromNumbers is backend.FromSlice in a float dtype.
func fromNumbers(b backend.Backend, dtype tensor.DType, numbers []float64, shape ...int) *tensor.Tensor {
	if dtype == tensor.Float64 {
		return backend.FromSlice(b, numbers, shape...)
	}
	narrow := make([]float32, len(numbers))
	for i, x := range numbers {
		narrow[i] = float32(x)
	}
	return backend.FromSlice(b, narrow, shape...)
}

// reader reads float tensors into storage that it uses again.
type reader struct {
	narrow []float32
	wide   []float64
}

// read are x's elements, valid until the next read.
func (r *reader) read(b backend.Backend, x *tensor.Tensor) ([]float64, error) {
	n := x.Len()
	r.wide = slices.Grow(r.wide[:0], n)[:n]
	if x.DType == tensor.Float64 {
		return r.wide, b.Read(tensor.Bytes(r.wide), x)
	}
	r.narrow = slices.Grow(r.narrow[:0], n)[:n]
	err := b.Read(tensor.Bytes(r.narrow), x)
	for i, v := range r.narrow {
		r.wide[i] = float64(v)
	}
	return r.wide, err
}
