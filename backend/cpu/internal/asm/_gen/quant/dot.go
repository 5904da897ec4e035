package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const dotDoc = `
NAME is a tile of x w^T, in which w(j, k) is ELEMENT the row that
begins at byte j*ldw:

	wide := 2
	if rows == 1 {
		wide = 4
	}
	for i := range rows {
		for j := range wide {
			sum := float32(0)
			for k := range 32 * blocks {
				sum += x[i*ldx+k] * w(min(j, cols-1), k)
			}
			out[i*wide+j] = sum
		}
	}

It needs 1 <= rows <= %d, 1 <= cols <= wide and blocks >= 1, and room in out for
an even number of rows. On the way it prefetches the rows of weights after its
own.`

func (k kernel) dot() {
	k.begin("Dot", "func(rows, cols, blocks int, x *float32, ldx int, w *byte, ldw int, out *float32)", fmt.Sprintf(dotDoc, k.dotRows))
	rows := load64("rows")
	cases(rows, func(n int) string { return fmt.Sprint("rows", n) }, k.dotRows)
	for n := k.dotRows; n >= 1; n-- {
		Label(fmt.Sprint("rows", n))
		k.dotOf(n)
	}
}

// weightRows are pointers to the first most rows of weights; those past
// parameter cols repeat the last row. ahead is the distance in bytes to the
// rows after them.
func weightRows(most int) (rows []reg.GPVirtual, ahead reg.GPVirtual) {
	rows = []reg.GPVirtual{load64("w")}
	step, n := load64("ldw"), load64("cols")
	for j := 1; j < most; j++ {
		next := GP64()
		MOVQ(rows[j-1], next)
		ADDQ(step, next)
		CMPQ(n, U8(uint8(j)))
		CMOVQLE(rows[j-1], next)
		rows = append(rows, next)
	}
	ahead = step
	IMUL3Q(U8(uint8(most)), ahead, ahead)
	return rows, ahead
}

func (k kernel) dotOf(rows int) {
	label := func(what string) string { return fmt.Sprint(what, rows) }
	wide := 2
	if rows == 1 {
		wide = 4
	}
	w, ahead := weightRows(wide)
	x, blocks := rowsOf("x", "ldx", rows), load64("blocks")
	sums := make([]vector, (rows+1)/2*2*wide)
	for i := range sums {
		sums[i] = k.zero()
	}
	Label(label("block"))
	for j := range wide {
		PREFETCHT0(Mem{Base: w[j], Index: ahead, Scale: 1})
	}
	if rows == 1 {
		k.dotRow(x, w, sums)
	} else {
		k.dotBlock(rows, x, w, sums)
	}
	for j := range wide {
		ADDQ(U8(uint8(k.format.bytes)), w[j])
	}
	x.advance(rows, 4*blockLen)
	DECQ(blocks)
	JNZ(LabelRef(label("block")))

	out := load64("out")
	for i := 0; i < rows*wide; i += 4 {
		VMOVUPS(k.sumLanes([4]vector(sums[i:])), Mem{Base: out, Disp: 4 * i})
	}
	finish()
}

// dotRow adds the products of a block of four rows of weights and one row of x:
// the scale multiplies the sum over the block.
func (k kernel) dotRow(x *rowSet, w []reg.GPVirtual, sums []vector) {
	parts := make([]vector, k.parts())
	for i := range parts {
		parts[i] = k.load(x.at(0, i*k.set.bytes()))
	}
	for j := range w {
		if !k.scaled {
			for i, p := range parts {
				VFMADD231PS(p, k.part(w[j], i), sums[j])
			}
			continue
		}
		t := k.part(w[j], 0)
		VMULPS(parts[0], t, t)
		for i, p := range parts[1:] {
			VFMADD231PS(p, k.part(w[j], i+1), t)
		}
		if k.wide() {
			VFMADD231PS_BCST(Mem{Base: w[j]}, t, sums[j])
		} else {
			VFMADD231PS(k.broadcast(Mem{Base: w[j]}), t, sums[j])
		}
	}
}

// dotBlock is dotRow for two rows of weights and several of x: the scale
// multiplies the weights.
func (k kernel) dotBlock(rows int, x *rowSet, w []reg.GPVirtual, sums []vector) {
	held := []vector{k.hold(w[0]), k.hold(w[1])}
	for i := range k.parts() {
		var part [2]vector
		for j := range part {
			part[j] = k.part(w[j], i)
			k.scale(w[j], held[j], part[j])
		}
		for r := range rows {
			v := k.load(x.at(r, i*k.set.bytes()))
			for j := range part {
				VFMADD231PS(v, part[j], sums[2*r+j])
			}
		}
	}
}
