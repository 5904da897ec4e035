package autograd

import (
	"fmt"
	"slices"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Grad returns the gradients of loss, which must be a single number, with
// respect to each of wrt, in their shapes; nil for one that loss does not
// depend on. The caller owns and frees them.
//
// Only paths from wrt to loss are visited. The pass frees each activation as
// soon as nothing can read it any more and spends the tape: values wanted
// afterwards are read before, or taken with [Keep]. The loss itself stays
// readable until Free.
func (t *Tape) Grad(loss *Var, wrt ...*Var) []*tensor.Tensor {
	if loss.Value.Len() != 1 {
		tensor.Panicf("Grad", []*tensor.Tensor{loss.Value}, "a loss is a single number")
	}
	if t.done {
		panic("autograd: Grad on a tape that is spent")
	}
	p := t.start(wrt)
	if p.need[loss.id] {
		seed := p.alloc(loss.Value)
		t.Backend.Fill(seed, 1)
		p.add(loss.id, seed)
	}
	return p.walk(wrt, loss.Value.Buf)
}

// start begins the tape's pass: the results whose gradients are known are to be
// given them next.
func (t *Tape) start(wrt []*Var) *pass {
	p := &t.pass
	p.begin(t)
	p.mark(wrt)
	return p
}

// walk goes back over the tape, which it spends, and frees all but the buffer
// except.
func (p *pass) walk(wrt []*Var, except tensor.Buffer) []*tensor.Tensor {
	t := p.tape
	for i := len(t.nodes) - 1; i >= 0; i-- {
		p.step(t.nodes[i])
		t.release(t.nodes[i], except)
	}
	t.done = true
	return p.collect(wrt)
}

// pass is the state of one backward pass. refs counts the pending gradients
// that look into a buffer, since a rule may hand on the gradient it was given,
// or a view of it.
type pass struct {
	tape  *Tape
	grads []*tensor.Tensor // by Var
	wrt   []bool           // by Var
	need  []bool           // by Var: on a path from wrt
	refs  map[tensor.Buffer]int
	given []*tensor.Tensor // of the results of the node at hand
}

// begin clears the pass for the vars of t.
func (p *pass) begin(t *Tape) {
	p.tape = t
	p.grads, p.wrt, p.need = cleared(p.grads, t.vars), cleared(p.wrt, t.vars), cleared(p.need, t.vars)
	if p.refs == nil {
		p.refs = make(map[tensor.Buffer]int)
	}
	clear(p.refs)
}

// cleared is n zeros, in s where it is large enough.
func cleared[T any](s []T, n int) []T {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}

// mark finds the vars on a path from wrt and tells each node which of its
// operands want a gradient.
func (p *pass) mark(wrt []*Var) {
	need := p.need
	for _, v := range wrt {
		if v.tape != p.tape || !v.tracked {
			panic(fmt.Sprintf("autograd: Grad with respect to a tensor %v that the tape does not track", v.Shape()))
		}
		need[v.id], p.wrt[v.id] = true, true
	}
	for _, n := range p.tape.nodes {
		for i, v := range n.in {
			n.call.Needs[i] = need[v.id]
		}
		onPath := n.call.Tracked()
		for _, v := range n.out {
			need[v.id] = need[v.id] || onPath && v.tracked
		}
	}
}

// step turns the gradients of n's results into those of its operands.
func (p *pass) step(n *node) {
	grads, reached := p.given[:0], false
	for _, v := range n.out {
		grads = append(grads, p.grads[v.id])
		reached = reached || p.grads[v.id] != nil
	}
	p.given = grads
	if !reached {
		return
	}
	var in []*tensor.Tensor
	if n.call.Tracked() {
		in = n.op.VJP(&n.call, grads)
		n.call.finish(in)
		p.check(n, in)
	}
	for _, g := range in {
		if g != nil {
			p.refs[g.Buf]++
		}
	}
	for _, v := range n.out {
		if g := p.grads[v.id]; g != nil && !p.wrt[v.id] {
			p.grads[v.id] = nil
			p.drop(g)
		}
	}
	for i, g := range in {
		if g != nil {
			p.merge(n.in[i].id, g)
		}
	}
}

func (p *pass) check(n *node, in []*tensor.Tensor) {
	if len(in) != len(n.in) {
		panic(fmt.Sprintf("autograd: %s: the gradient rule gave %d gradients for %d operands", n.op.Name, len(in), len(n.in)))
	}
	for i, g := range in {
		if n.call.Needs[i] != (g != nil) && !(g == nil && n.op.Partial) {
			panic(fmt.Sprintf("autograd: %s: operand %d: gradient wanted: %v, given: %v", n.op.Name, i, n.call.Needs[i], g != nil))
		}
		if g != nil && !slices.Equal(g.Shape, n.in[i].Shape()) {
			tensor.Panicf(n.op.Name, []*tensor.Tensor{n.in[i].Value, g}, "operand %d: the gradient has another shape", i)
		}
	}
}

// add makes g, of which the pass owns one reference, the first gradient of a var.
func (p *pass) add(id int, g *tensor.Tensor) {
	p.refs[g.Buf]++
	p.grads[id] = g
}

// alloc is a contiguous tensor of like's dtype and shape.
func (p *pass) alloc(like *tensor.Tensor) *tensor.Tensor {
	x := p.tape.heads.next()
	backend.Init(p.tape.Backend, x, like.DType, like.Shape...)
	return x
}

// merge adds g, whose reference is already counted, to a var's gradient.
func (p *pass) merge(id int, g *tensor.Tensor) {
	old := p.grads[id]
	switch {
	case old == nil:
		p.grads[id] = g
	case p.sole(old):
		p.tape.Backend.Binary(backend.Add, old, old, g)
		p.drop(g)
	case p.sole(g):
		p.tape.Backend.Binary(backend.Add, g, old, g)
		p.grads[id] = g
		p.drop(old)
	default:
		sum := p.alloc(g)
		p.tape.Backend.Binary(backend.Add, sum, old, g)
		p.drop(old)
		p.drop(g)
		p.add(id, sum)
	}
}

// sole tells whether g may be overwritten.
func (p *pass) sole(g *tensor.Tensor) bool { return p.refs[g.Buf] == 1 && g.Contiguous() }

func (p *pass) drop(g *tensor.Tensor) {
	if p.refs[g.Buf]--; p.refs[g.Buf] == 0 {
		delete(p.refs, g.Buf)
		p.tape.Backend.Free(g.Buf)
	}
}

// collect hands the gradients of wrt to the caller, each in a buffer of its
// own: the pass's where it can be given away, else a copy.
func (p *pass) collect(wrt []*Var) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(wrt))
	for i, v := range wrt {
		g := p.grads[v.id]
		switch {
		case g == nil:
		case g.Contiguous() && p.refs[g.Buf] > 0:
			out[i], p.refs[g.Buf] = g.Alias(), 0
		default:
			out[i] = backend.Clone(p.tape.Backend, g)
		}
	}
	for buf, refs := range p.refs {
		if refs > 0 {
			p.tape.Backend.Free(buf)
		}
	}
	clear(p.grads)
	clear(p.refs)
	return out
}
