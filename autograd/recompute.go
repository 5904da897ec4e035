package autograd

import (
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// Recompute is f(in) in less memory and more time: of all that f computes only
// its results are kept, and the backward pass computes the rest again when it
// comes to f, as much as one forward pass more (Chen et al., arXiv 1604.06174).
// A model whose blocks are each a Recompute holds the activations of one block
// and what passes between them.
//
// f gets its operands on a tape of its own, and what else it needs, parameters
// above all, by that tape's [Tape.Leaf]; those that the outer tape tracks get
// their gradients. It must compute the same each time, random masks by key
// included. Gradients are bit for bit those of f(in), but where a tensor is used
// inside f and outside, whose uses are then summed in another order.
func Recompute(f func(in []*Var) []*Var, in ...*Var) []*Var {
	t := in[0].tape
	if t.done {
		panic("autograd: Recompute on a tape that is spent")
	}
	inner := t.inside()
	defer inner.Reset()
	_, out := inner.replay(f, in)
	operands := slices.Clone(in)
	for _, x := range inner.trackedLeaves() {
		operands = append(operands, t.Leaf(x))
	}
	n := t.record(recomputeOp, &recomputation{t, f, operands, len(in)}, operands)
	results := make([]*Var, len(out))
	for i, v := range out {
		x := Keep(v)
		results[i] = t.newVar(x, v.tracked)
		results[i].node = n
		n.own = append(n.own, x)
		n.call.Out = append(n.call.Out, x)
		n.out = append(n.out, results[i])
	}
	return results
}

// recomputation is what the backward pass needs to run f again.
type recomputation struct {
	outer *Tape
	f     func([]*Var) []*Var
	in    []*Var // f's operands, the first given of them, and the leaves it read
	given int
}

// recomputeOp is recorded by Recompute alone: its results are f's, so that no
// rule gives their shapes ahead.
var recomputeOp = &Op{
	Name:    "recompute",
	Partial: true,
	VJP: func(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
		return c.Attr.(*recomputation).gradients(c, grads)
	},
}

func (r *recomputation) gradients(c *Call, grads []*tensor.Tensor) []*tensor.Tensor {
	inner := r.outer.inside()
	defer inner.Reset()
	in, out := inner.replay(r.f, r.in[:r.given])
	for _, v := range r.in[r.given:] {
		in = append(in, inner.Leaf(v.Value))
	}
	var wrt []*Var
	for i, v := range in {
		if c.Needs[i] {
			wrt = append(wrt, v)
		}
	}
	p := inner.start(wrt)
	for i, v := range out {
		if grads[i] != nil && p.need[v.id] {
			p.seed(v, grads[i])
		}
	}
	found := p.walk(wrt, nil)
	all := make([]*tensor.Tensor, len(in))
	for i := range in {
		if c.Needs[i] {
			all[i], found = found[0], found[1:]
		}
	}
	return all
}

// seed gives v a copy of a gradient: the pass adds to what it owns.
func (p *pass) seed(v *Var, g *tensor.Tensor) {
	x := p.alloc(g)
	p.tape.Backend.Copy(x, g)
	p.refs[x.Buf]++
	p.merge(v.id, x)
}

// inside is the tape on which a Recompute of t runs its function, one after the
// other, so that they use the same storage.
func (t *Tape) inside() *Tape {
	if t.inner == nil {
		t.inner = NewTape(t.Backend)
		t.inner.outer = t
	}
	return t.inner
}

// replay runs f on operands with the values of in.
func (t *Tape) replay(f func([]*Var) []*Var, in []*Var) (vars, out []*Var) {
	for _, v := range in {
		vars = append(vars, t.newVar(v.Value, v.tracked))
	}
	return vars, f(slices.Clip(vars))
}

// trackedLeaves are the tensors that Leaf met and that are tracked, in that order.
func (t *Tape) trackedLeaves() []*tensor.Tensor {
	var vars []*Var
	for _, v := range t.leaves {
		if v.tracked {
			vars = append(vars, v)
		}
	}
	slices.SortFunc(vars, func(a, b *Var) int { return a.id - b.id })
	values := make([]*tensor.Tensor, len(vars))
	for i, v := range vars {
		values[i] = v.Value
	}
	return values
}

// tracks tells whether gradients flow to a leaf.
func (t *Tape) tracks(x *tensor.Tensor) bool {
	return t.track[x] || t.outer != nil && t.outer.tracks(x)
}
