package onnx

import (
	"math"
	"slices"
)

// The versions that a file asks for.
const (
	irVersion = 8  // ONNX 1.12, the first with the opset
	opset     = 17 // the first with LayerNormalization
)

// elemType is onnx.TensorProto.DataType.
type elemType int64

const (
	float32Type elemType = 1
	int64Type   elemType = 7
)

// attribute is a named int, float or list of ints of a node.
type attribute struct {
	name  string
	value any // int, float32 or []int
}

// encode is an AttributeProto.
func (a attribute) encode() *message {
	const typeFloat, typeInt, typeInts = 1, 2, 7
	m := &message{}
	m.text(1, a.name)
	switch v := a.value.(type) {
	case float32:
		m.float(2, math.Float32bits(v))
		m.integer(20, typeFloat)
	case int:
		m.integer(3, int64(v))
		m.integer(20, typeInt)
	case []int:
		for _, x := range v {
			m.integer(8, int64(x))
		}
		m.integer(20, typeInts)
	}
	return m
}

// node is one application of an operator. An empty input is an optional one
// left out.
type node struct {
	op, name        string
	inputs, outputs []string
	attributes      []attribute
}

// encode is a NodeProto.
func (n node) encode() *message {
	m := &message{}
	m.texts(1, n.inputs)
	m.texts(2, n.outputs)
	m.text(3, n.name)
	m.text(4, n.op)
	for _, a := range n.attributes {
		m.message(5, a.encode())
	}
	return m
}

// value is an input or output of the graph. A dimension is an int, or a string
// where it is dynamic.
type value struct {
	name, doc string
	elem      elemType
	dims      []any
}

// encode is a ValueInfoProto.
func (v value) encode() *message {
	shape, tensor, kind, m := &message{}, &message{}, &message{}, &message{}
	for _, d := range v.dims {
		dim := &message{}
		switch d := d.(type) {
		case int:
			dim.integer(1, int64(d))
		case string:
			dim.text(2, d)
		}
		shape.message(1, dim)
	}
	tensor.integer(1, int64(v.elem))
	tensor.message(2, shape)
	kind.message(1, tensor)
	m.text(1, v.name)
	m.message(2, kind)
	m.text(3, v.doc)
	return m
}

// place is where a tensor's data lie in a file beside the model's.
type place struct {
	file   string
	offset int64
}

// encode is a TensorProto, with its data unless they lie elsewhere.
func (t initializer) encode(elsewhere *place) *message {
	m := &message{}
	for _, d := range t.dims {
		m.integer(1, int64(d))
	}
	m.integer(2, int64(t.elem))
	m.text(8, t.name)
	if t.doc != "" {
		m.text(12, t.doc)
	}
	if elsewhere == nil {
		m.data(9, t.size(), t.write)
		return m
	}
	const external = 1
	m.message(13, pair("location", elsewhere.file))
	m.message(13, pair("offset", decimal(elsewhere.offset)))
	m.message(13, pair("length", decimal(t.size())))
	m.integer(14, external)
	return m
}

// pair is a StringStringEntryProto.
func pair(key, value string) *message {
	m := &message{}
	m.text(1, key)
	m.text(2, value)
	return m
}

// encode is a GraphProto. Tensors that have a place lie there.
func (g *graph) encode(places map[string]*place) *message {
	m := &message{}
	for _, n := range g.nodes {
		m.message(1, n.encode())
	}
	m.text(2, g.name)
	for _, t := range g.initializers {
		m.message(5, t.encode(places[t.name]))
	}
	m.text(10, g.doc)
	for _, v := range g.inputs {
		m.message(11, v.encode())
	}
	for _, v := range g.outputs {
		m.message(12, v.encode())
	}
	return m
}

// model is a ModelProto of g.
func model(g *graph, metadata map[string]string, places map[string]*place) *message {
	m, set := &message{}, &message{}
	m.integer(1, irVersion)
	m.text(2, "tiller")
	m.text(6, g.doc)
	set.text(1, "") // the standard operators
	set.integer(2, opset)
	m.message(8, set)
	for _, key := range sortedKeys(metadata) {
		m.message(14, pair(key, metadata[key]))
	}
	m.message(7, g.encode(places))
	return m
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
