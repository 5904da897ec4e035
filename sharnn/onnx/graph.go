package onnx

import (
	"fmt"
	"io"
	"slices"

	"github.com/tiller-ml/tiller/tensor"
)

// graph is a model in the making. Nodes stand in an order in which they can run,
// since a value has a name only once its node is there.
type graph struct {
	name, doc       string
	nodes           []node
	initializers    []initializer
	inputs, outputs []value
}

// initializer is a constant: a parameter, or integers and numbers that operators
// ask for.
type initializer struct {
	name, doc string
	elem      elemType
	dims      []int
	write     func(io.Writer) error // size bytes
}

func (t initializer) size() int64 {
	n := int64(4)
	if t.elem == int64Type {
		n = 8
	}
	return n * int64(tensor.Size(t.dims))
}

// apply adds a node of one output, which has the node's name, and returns it.
func (g *graph) apply(op, name string, inputs []string, attributes ...attribute) string {
	g.nodes = append(g.nodes, node{op, name, inputs, []string{name}, attributes})
	return name
}

// output makes a value one of the graph's.
func (g *graph) output(v value) { g.outputs = append(g.outputs, v) }

// input adds one of the graph's inputs and returns its name.
func (g *graph) input(v value) string {
	g.inputs = append(g.inputs, v)
	return v.name
}

// constant adds an initializer, or finds the one of its name.
func (g *graph) constant(t initializer) string {
	if !slices.ContainsFunc(g.initializers, func(x initializer) bool { return x.name == t.name }) {
		g.initializers = append(g.initializers, t)
	}
	return t.name
}

// ints is a constant list of integers, named for what they are.
func (g *graph) ints(v ...int64) string {
	return g.constant(initializer{name: "ints" + join(v), elem: int64Type, dims: []int{len(v)}, write: writes(v)})
}

// integer is a constant without dimensions.
func (g *graph) integer(v int64) string {
	return g.constant(initializer{name: "int" + join([]int64{v}), elem: int64Type, dims: []int{}, write: writes([]int64{v})})
}

// number is a constant without dimensions.
func (g *graph) number(name string, v float32) string {
	return g.constant(initializer{name: name, elem: float32Type, dims: []int{}, write: writes([]float32{v})})
}

// join makes "_2_-1" of 2 and -1.
func join(v []int64) string {
	s := ""
	for _, x := range v {
		s += fmt.Sprintf("_%d", x)
	}
	return s
}
