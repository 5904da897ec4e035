package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A mapKernel computes element i of its outputs from element i of its inputs.
type mapKernel struct {
	name      string
	signature string
	about     string
	loop      string // the Go it equals
	length    string // the slice whose length counts
	constants []string
	scalars   []string // arguments that every element uses
	body      func(s *set, at func(slice string) Mem)
}

// sliceArguments are the names of a signature's slice arguments.
func sliceArguments(signature string) []string {
	arguments, _, _ := strings.Cut(strings.TrimPrefix(signature, "func("), ")")
	var names, untyped []string
	for _, a := range strings.Split(arguments, ", ") {
		name, kind, typed := strings.Cut(a, " ")
		untyped = append(untyped, name)
		if kind == "[]float32" {
			names = append(names, untyped...)
		}
		if typed {
			untyped = nil
		}
	}
	return names
}

// bases loads the start of each slice.
func bases(signature string) map[string]reg.GPVirtual {
	base := map[string]reg.GPVirtual{}
	for _, name := range sliceArguments(signature) {
		base[name] = param(Param(name).Base())
	}
	return base
}

// emitMap generates a kernel: whole vectors, then a masked one.
//
// A slice named gates holds four parts, called gates0 to gates3.
func (s *set) emitMap(m mapKernel) {
	s.begin(m.name, m.signature, m.about, m.loop)
	n := param(Param(m.length).Len())
	base := bases(m.signature)
	if gates := base["gates"]; gates != nil {
		for i := range 4 {
			part := GP64()
			MOVQ(gates, part)
			base[fmt.Sprint("gates", i)] = part
			LEAQ(Mem{Base: gates, Index: n, Scale: 4}, gates)
		}
	}
	s.hold(m.constants...)
	for _, name := range m.scalars {
		s.holdParam(name)
	}
	s.blocks(n, 1, s.lanes, func(_ int, i reg.GPVirtual) {
		m.body(s, func(slice string) Mem { return Mem{Base: base[slice], Index: i, Scale: 4} })
	})
	finish()
}

// blocks calls group for each of groups pieces of width elements, i being the
// index of the first piece: once in a loop over whole blocks, and once with
// masks for what is left.
func (s *set) blocks(n reg.GPVirtual, groups, width int, group func(g int, i reg.GPVirtual)) {
	i, whole := GP64(), GP64()
	XORQ(i, i)
	MOVQ(n, whole)
	ANDQ(I8(int8(-groups*width)), whole)
	JZ(LabelRef("rest"))
	Label("loop")
	for g := range groups {
		group(g, i)
	}
	ADDQ(I8(int8(groups*width)), i)
	CMPQ(i, whole)
	JLT(LabelRef("loop"))
	Label("rest")
	SUBQ(whole, n)
	JZ(LabelRef("done"))
	for g := range groups {
		s.maskGroup(n, g*width, width)
		group(g, i)
	}
	Label("done")
}
