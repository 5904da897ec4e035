package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const axpyDoc = `
NAME adds multiples of a few rows to a vector:

	for j := range n {
		for i := range rows {
			y[j] += x[i] * a[i*lda+j]
		}
	}

It needs 1 <= rows <= 8 and n >= 0.`

func (s set) axpyRows() {
	s.begin("AxpyRows", "func(rows, n int, x, a *float32, lda int, y *float32)", axpyDoc)
	x, y, lda, n := load64("x"), load64("y"), stride("lda"), load64("n")
	low, lda3 := load64("a"), triple(lda)
	high := GP64()
	LEAQ(Mem{Base: low, Index: lda, Scale: 4}, high)
	cases(load64("rows"), "rows", 8)
	for rows := 8; rows >= 1; rows-- {
		Label(fmt.Sprint("rows", rows))
		s.axpyOf(rows, x, y, n, func(i, disp int) Mem {
			if i < 4 {
				return at(low, lda, lda3, i, disp)
			}
			return at(high, lda, lda3, i-4, disp)
		}, []reg.GPVirtual{y, low, high})
	}
}

// axpyOf emits the loops for the given rows, row giving the address of a row:
// two vectors at a time, one, and the masked rest.
func (s set) axpyOf(rows int, x, y, n reg.GPVirtual, row func(i, disp int) Mem, pointers []reg.GPVirtual) {
	label := func(what string) string { return fmt.Sprint(what, rows) }
	for i := range rows {
		VBROADCASTSS(Mem{Base: x, Disp: 4 * i}, s.v(i))
	}
	advance := func(bytes int) {
		for _, p := range pointers {
			ADDQ(U32(uint32(bytes)), p)
		}
	}
	for vectors := 2; vectors >= 1; vectors-- {
		name := label(fmt.Sprint("vectors", vectors, "Of"))
		Label(name)
		SUBQ(U8(uint8(vectors*s.lanes)), n)
		JLT(LabelRef(name + "End"))
		for v := range vectors {
			VMOVUPS(Mem{Base: y, Disp: v * s.bytes()}, s.v(8+v))
		}
		for i := range rows {
			for v := range vectors {
				VFMADD231PS(row(i, v*s.bytes()), s.v(i), s.v(8+v))
			}
		}
		for v := range vectors {
			VMOVUPS(s.v(8+v), Mem{Base: y, Disp: v * s.bytes()})
		}
		advance(vectors * s.bytes())
		JMP(LabelRef(name))
		Label(name + "End")
		ADDQ(U8(uint8(vectors*s.lanes)), n)
	}
	TESTQ(n, n)
	JZ(LabelRef(label("end")))
	m := s.newMask(0, 15)
	s.setMask(m, n, x)
	s.load(m, Mem{Base: y}, s.v(8))
	for i := range rows {
		s.load(m, row(i, 0), s.v(9))
		VFMADD231PS(s.v(9), s.v(i), s.v(8))
	}
	s.store(m, s.v(8), Mem{Base: y})
	Label(label("end"))
	finish()
}

const scaleDoc = `
NAME multiplies a vector by a number:

	for i := range n {
		x[i] *= alpha
	}`

func (s set) scale() {
	s.begin("Scale", "func(n int, alpha float32, x *float32)", scaleDoc)
	n, x := load64("n"), load64("x")
	s.broadcastParam("alpha", 0)
	m := s.newMask(0, 15)
	s.eachVector(n, []reg.GPVirtual{x}, m,
		func() {
			VMULPS(Mem{Base: x}, s.v(0), s.v(1))
			VMOVUPS(s.v(1), Mem{Base: x})
		},
		func() {
			s.load(m, Mem{Base: x}, s.v(1))
			VMULPS(s.v(1), s.v(0), s.v(1))
			s.store(m, s.v(1), Mem{Base: x})
		})
	finish()
}
