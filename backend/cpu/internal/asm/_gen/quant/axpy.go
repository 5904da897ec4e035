package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const axpyDoc = `
NAME adds a tile of x w. The row p of w begins at byte p*ldw, and
w(p, k) is ELEMENT it:

	for i := range rows {
		for k := range 32 * blocks {
			for p := range n {
				y[i*ldy+k] += x[i*ldx+p] * w(p, k)
			}
		}
	}

It needs 1 <= rows <= %d, n >= 1 and blocks >= 1. On the way it prefetches the
n rows of weights after its own.`

func (k kernel) axpy() {
	k.begin("Axpy", "func(rows, n, blocks int, x *float32, ldx int, w *byte, ldw int, y *float32, ldy int)", fmt.Sprintf(axpyDoc, k.axpyRows))
	rows := load64("rows")
	cases(rows, func(n int) string { return fmt.Sprint("rows", n) }, k.axpyRows)
	for n := k.axpyRows; n >= 1; n-- {
		Label(fmt.Sprint("rows", n))
		k.axpyOf(n)
	}
}

func (k kernel) axpyOf(rows int) {
	label := func(what string) string { return fmt.Sprint(what, rows) }
	x, y := rowsOf("x", "ldx", rows), rowsOf("y", "ldy", 1)
	w, ldw, blocks := load64("w"), load64("ldw"), load64("blocks")
	ahead := load64("n")
	IMULQ(ldw, ahead)
	p := GP64()
	Label(label("block"))
	sums := make([][]vector, rows)
	k.eachSum(rows, y, p, func(i, part int, at Mem) {
		sums[i] = append(sums[i], k.load(at))
	})
	Load(Param("n"), p)
	Label(label("row"))
	PREFETCHT1(Mem{Base: w, Index: ahead, Scale: 1})
	if rows == 1 && k.scaled {
		k.axpyRow(x, w, sums[0])
	} else {
		k.axpyBlock(rows, x, w, sums)
	}
	ADDQ(ldw, w)
	x.advance(rows, 4)
	DECQ(p)
	JNZ(LabelRef(label("row")))
	k.eachSum(rows, y, p, func(i, part int, at Mem) {
		VMOVUPS(sums[i][part], at)
	})
	SUBQ(ahead, w)
	ADDQ(U8(uint8(k.format.bytes)), w)
	y.advance(1, 4*blockLen)
	Load(Param("n"), p)
	SHLQ(U8(2), p)
	for i := 0; 4*i < rows; i++ {
		SUBQ(p, x.base[i])
	}
	DECQ(blocks)
	JNZ(LabelRef(label("block")))
	finish()
}

// eachSum visits the vectors of a block of each row of the result. Rows past the
// fourth are addressed from p, which it overwrites: registers are few.
func (k kernel) eachSum(rows int, y *rowSet, p reg.GPVirtual, visit func(i, part int, at Mem)) {
	base := y.base[0]
	for i := range rows {
		if i > 0 && i%4 == 0 {
			LEAQ(Mem{Base: base, Index: y.step, Scale: 4}, p)
			base = p
		}
		quad := &rowSet{base: [3]reg.GPVirtual{base}, step: y.step, step3: y.step3}
		for part := range k.parts() {
			visit(i, part, quad.at(i%4, part*k.set.bytes()))
		}
	}
}

// axpyRow adds a block of a row of weights, whose scale multiplies the one
// element of x first.
func (k kernel) axpyRow(x *rowSet, w reg.GPVirtual, sums []vector) {
	f := k.broadcast(x.at(0, 0))
	if k.wide() {
		VMULPS_BCST(Mem{Base: w}, f, f)
	} else {
		VMULPS(k.broadcast(Mem{Base: w}), f, f)
	}
	for part, sum := range sums {
		VFMADD231PS(f, k.part(w, part), sum)
	}
}

// axpyBlock adds multiples of a block of a row of weights to several rows.
func (k kernel) axpyBlock(rows int, x *rowSet, w reg.GPVirtual, sums [][]vector) {
	held := k.hold(w)
	for part := range k.parts() {
		v := k.part(w, part)
		k.scale(w, held, v)
		for i := range rows {
			if k.wide() {
				VFMADD231PS_BCST(x.at(i, 0), v, sums[i][part])
			} else {
				VFMADD231PS(k.broadcast(x.at(i, 0)), v, sums[i][part])
			}
		}
	}
}

const widenDoc = `
NAME converts whole blocks of a row; w(k) is
ELEMENT it:

	for k := range 32 * blocks {
		dst[k] = w(k)
	}

It needs blocks >= 1.`

func (k kernel) widen() {
	k.begin("Widen", "func(blocks int, dst *float32, w *byte)", widenDoc)
	blocks, dst, w := load64("blocks"), load64("dst"), load64("w")
	Label("block")
	held := k.hold(w)
	for part := range k.parts() {
		v := k.part(w, part)
		k.scale(w, held, v)
		VMOVUPS(v, Mem{Base: dst, Disp: part * k.set.bytes()})
	}
	ADDQ(U8(uint8(k.format.bytes)), w)
	ADDQ(I32(4*blockLen), dst)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	finish()
}
