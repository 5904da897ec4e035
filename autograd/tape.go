package autograd

import (
	"fmt"

	"github.com/tiller-ml/tiller/backend"
	"github.com/tiller-ml/tiller/tensor"
)

// Var is a tensor on a tape.
type Var struct {
	Value   *tensor.Tensor
	tape    *Tape
	id      int
	tracked bool
	node    *node // nil for a leaf
}

// Shape of the value.
func (v *Var) Shape() []int { return v.Value.Shape }

// Tape returns the tape that v stands on.
func (v *Var) Tape() *Tape { return v.tape }

// Tracked tells whether gradients can flow to v.
func (v *Var) Tracked() bool { return v.tracked }

// node is one recorded application. Its slices start in the arrays beside them:
// a step records some hundred nodes, and most ops are this small.
type node struct {
	op   *Op
	call Call
	in   []*Var
	out  []*Var
	own  []*tensor.Tensor // results that the tape frees

	vars  [3]Var
	outs  [3]*Var
	owns  [3]*tensor.Tensor
	given [8]*tensor.Tensor // call.In
	made  [3]*tensor.Tensor // call.Out
	needs [8]bool
	temps [4]*tensor.Tensor // call.made
}

// Tape records applications of ops in order and owns what they computed. It
// serves one backward pass: Grad consumes it, and Reset makes it new. A Tape is
// used by one goroutine.
type Tape struct {
	Backend backend.Backend
	nodes   []*node
	vars    int
	leaves  map[*tensor.Tensor]*Var
	track   map[*tensor.Tensor]bool
	inputs  []*tensor.Tensor // tracked by Input alone
	owned   []*tensor.Tensor // constants given to the tape
	metas   []Meta           // of the operands at hand
	done    bool

	pass       pass
	heads      headers
	loose      []*Var // of leaves and constants; the first looseUsed are in use
	looseUsed  int
	spareNodes []*node // cleared, for use again after Reset

	inner, outer *Tape // of Recompute: what it runs on, and for that tape this one
}

// NewTape starts a tape. Gradients flow to the tensors in track wherever
// [Tape.Leaf] meets them.
func NewTape(b backend.Backend, track ...*tensor.Tensor) *Tape {
	t := &Tape{Backend: b, leaves: make(map[*tensor.Tensor]*Var), track: make(map[*tensor.Tensor]bool, len(track))}
	for _, x := range track {
		t.follow(x)
	}
	return t
}

// follow tracks x from its next Leaf on. Weights that are only stored have no
// gradient.
func (t *Tape) follow(x *tensor.Tensor) {
	if x.DType.Compute() != x.DType {
		tensor.Panicf("tracking", []*tensor.Tensor{x}, "weights of %v are only read, they cannot be trained", x.DType)
	}
	t.track[x] = true
}

// Leaf puts a tensor of the caller's on the tape, once however often it is
// asked for, so that a weight used in two places gets one gradient.
func (t *Tape) Leaf(x *tensor.Tensor) *Var {
	if v := t.leaves[x]; v != nil {
		return v
	}
	v := t.newVar(x, t.tracks(x))
	t.leaves[x] = v
	return v
}

// Input puts a tensor of the caller's on the tape and tracks it, until Reset.
func (t *Tape) Input(x *tensor.Tensor) *Var {
	if !t.track[x] {
		t.follow(x)
		t.inputs = append(t.inputs, x)
	}
	return t.Leaf(x)
}

// Own puts a constant on the tape, which frees it with its own.
func (t *Tape) Own(x *tensor.Tensor) *Var {
	t.owned = append(t.owned, x)
	return t.newVar(x, false)
}

// Detach is v without its history: no gradient flows through it.
func Detach(v *Var) *Var { return v.tape.newVar(v.Value, false) }

func (t *Tape) newVar(x *tensor.Tensor, tracked bool) *Var {
	if t.looseUsed == len(t.loose) {
		t.loose = append(t.loose, new(Var))
	}
	v := t.loose[t.looseUsed]
	*v = Var{Value: x, tape: t, id: t.vars, tracked: tracked}
	t.looseUsed++
	t.vars++
	return v
}

// headers are the tensors of a tape's own making, in pieces that stay where they
// are. After Reset they are used again.
type headers struct {
	chunks []*[64]tensor.Tensor
	used   int
}

func (h *headers) next() *tensor.Tensor {
	chunk, i := h.used/64, h.used%64
	if chunk == len(h.chunks) {
		h.chunks = append(h.chunks, new([64]tensor.Tensor))
	}
	h.used++
	return &h.chunks[chunk][i]
}

// newNode is a cleared node.
func (t *Tape) newNode() *node {
	last := len(t.spareNodes) - 1
	if last < 0 {
		return new(node)
	}
	n := t.spareNodes[last]
	t.spareNodes = t.spareNodes[:last]
	return n
}

// Apply records op on operands of one tape and returns its results.
func Apply(op *Op, attr any, in ...*Var) []*Var {
	t, tracked := in[0].tape, false
	for i, v := range in {
		if v.tape != t {
			panic(fmt.Sprintf("autograd: %s: operand %d is on another tape", op.Name, i))
		}
		tracked = tracked || v.tracked
	}
	if t.done {
		panic(fmt.Sprintf("autograd: %s on a tape that is spent", op.Name))
	}
	t.metas = t.metas[:0]
	for _, v := range in {
		t.metas = append(t.metas, metaOf(v.Value))
	}
	results := op.Infer(attr, t.metas)
	if op.Ref != nil && (!op.Fused(t.Backend) || tracked && op.VJP == nil) {
		return op.Ref(attr, in)
	}
	if tracked && op.VJP == nil {
		panic(fmt.Sprintf("autograd: %s has no gradient, and an operand is tracked", op.Name))
	}
	return t.run(op, attr, in, results, tracked)
}

func (t *Tape) run(op *Op, attr any, in []*Var, results []Meta, tracked bool) []*Var {
	n := t.record(op, attr, in)
	for i, m := range results {
		var x *tensor.Tensor
		if op.View != nil {
			x = op.View(attr, in[0].Value)
		} else {
			x = n.call.alloc(m.DType, m.Shape...)
			n.own = append(n.own, x)
		}
		n.call.Out = append(n.call.Out, x)
		v := &n.vars[i]
		*v = Var{Value: x, tape: t, id: t.vars, tracked: tracked && x.DType.IsFloat(), node: n}
		t.vars++
		n.out = append(n.out, v)
	}
	if op.Fwd != nil {
		op.Fwd(&n.call)
		n.call.finish(nil)
	}
	return n.out
}

// record adds a node without results.
func (t *Tape) record(op *Op, attr any, in []*Var) *node {
	n := t.newNode()
	n.op, n.in, n.call = op, in, Call{Backend: t.Backend, Attr: attr, heads: &t.heads}
	n.out, n.own = n.outs[:0], n.owns[:0]
	n.call.In, n.call.Out, n.call.Needs = n.given[:0], n.made[:0], n.needs[:0]
	n.call.made = n.temps[:0]
	for _, v := range in {
		n.call.In = append(n.call.In, v.Value)
		n.call.Needs = append(n.call.Needs, v.tracked)
	}
	t.nodes = append(t.nodes, n)
	return n
}

// Keep takes v's value off the tape: the caller owns it, and frees it. Views
// and leaves are copied.
func Keep(v *Var) *tensor.Tensor {
	if n := v.node; n != nil {
		for i, x := range n.own {
			if x == v.Value {
				n.own = append(n.own[:i], n.own[i+1:]...)
				return x.Alias()
			}
		}
	}
	return backend.Clone(v.tape.Backend, v.Value)
}

// Free gives everything that the tape still owns back to the backend. The tape
// is spent. Freeing twice does nothing.
func (t *Tape) Free() {
	for _, n := range t.nodes {
		t.release(n, nil)
	}
	backend.Release(t.Backend, t.owned...)
	t.nodes, t.owned, t.done = nil, nil, true
}

// Reset frees all that Free does and makes the tape a new one that tracks what
// NewTape was given. It keeps the tape's storage, so that steps of one kind allocate
// little: Vars and their values from before Reset are void, and must not be used.
func (t *Tape) Reset() {
	nodes, owned := t.nodes, t.owned
	t.Free()
	for _, n := range nodes {
		*n = node{}
	}
	for _, v := range t.loose[:t.looseUsed] {
		*v = Var{}
	}
	for _, x := range t.inputs {
		delete(t.track, x)
	}
	clear(owned)
	clear(t.inputs)
	clear(t.leaves)
	t.inputs = t.inputs[:0]
	t.spareNodes = append(t.spareNodes, nodes...)
	t.nodes, t.owned = nodes[:0], owned[:0]
	t.vars, t.looseUsed, t.heads.used, t.done = 0, 0, 0, false
}

// release frees what n owns, but for the buffer except.
func (t *Tape) release(n *node, except tensor.Buffer) {
	kept := n.own[:0]
	for _, x := range n.own {
		if x.Buf == except {
			kept = append(kept, x)
			continue
		}
		t.Backend.Free(x.Buf)
	}
	backend.Release(t.Backend, n.call.Saved...)
	n.own, n.call.Saved = kept, nil
}
