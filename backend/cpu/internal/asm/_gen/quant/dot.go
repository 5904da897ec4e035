package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const dotDoc = `
NAME is a tile of x w^T. The row j of w begins at byte j*ldw, and
w(j, k) is ELEMENT it:

	wide := 2
	if rows == 1 {
		wide = (cols + 3) / 4 * 4
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

It needs 1 <= rows <= %d, cols >= 1, at most 2 where there are more rows, and
blocks >= 1, and room in out for an even number of rows if there are more. On the
way it prefetches the rows of weights after its own.`

func (k kernel) dot() {
	k.begin("Dot", "func(rows, cols, blocks int, x *float32, ldx int, w *byte, ldw int, out *float32)", fmt.Sprintf(dotDoc, k.dotRows))
	rows := load64("rows")
	cases(rows, func(n int) string { return fmt.Sprint("rows", n) }, k.dotRows)
	for n := k.dotRows; n >= 2; n-- {
		Label(fmt.Sprint("rows", n))
		k.dotRowsOf(n)
	}
	Label("rows1")
	k.dotVector()
}

// weightRows are pointers to the first most rows of weights from first on, step
// bytes apart; those past n repeat the last row.
func weightRows(first, step, n reg.GPVirtual, most int) []reg.GPVirtual {
	rows := []reg.GPVirtual{GP64()}
	MOVQ(first, rows[0])
	for j := 1; j < most; j++ {
		next := GP64()
		MOVQ(rows[j-1], next)
		ADDQ(step, next)
		CMPQ(n, U8(uint8(j)))
		CMOVQLE(rows[j-1], next)
		rows = append(rows, next)
	}
	return rows
}

// dotVector multiplies one row, by four rows of weights at a time.
func (k kernel) dotVector() {
	first, step, n, out := load64("w"), load64("ldw"), load64("cols"), load64("out")
	ahead := GP64()
	MOVQ(step, ahead)
	SHLQ(U8(2), ahead)
	Label("tile1")
	w := weightRows(first, step, n, 4)
	x, blocks := rowsOf("x", "ldx", 1), load64("blocks")
	sums := make([]vector, 4)
	for i := range sums {
		sums[i] = k.zero()
	}
	Label("block1")
	for j := range w {
		PREFETCHT1(Mem{Base: w[j], Index: ahead, Scale: 1})
	}
	k.dotRow(x, w, sums)
	for j := range w {
		ADDQ(U8(uint8(k.format.bytes)), w[j])
	}
	x.advance(1, 4*blockLen)
	DECQ(blocks)
	JNZ(LabelRef("block1"))
	VMOVUPS(k.sumLanes([4]vector(sums)), Mem{Base: out})
	ADDQ(U8(16), out)
	ADDQ(ahead, first)
	SUBQ(U8(4), n)
	JGT(LabelRef("tile1"))
	finish()
}

// dotRowsOf multiplies several rows by two rows of weights.
func (k kernel) dotRowsOf(rows int) {
	const wide = 2
	label := func(what string) string { return fmt.Sprint(what, rows) }
	first, step, n := load64("w"), load64("ldw"), load64("cols")
	w := weightRows(first, step, n, wide)
	ahead := GP64()
	LEAQ(Mem{Base: step, Index: step, Scale: 1}, ahead)
	x, blocks := rowsOf("x", "ldx", rows), load64("blocks")
	sums := make([]vector, (rows+1)/2*2*wide)
	for i := range sums {
		sums[i] = k.zero()
	}
	Label(label("block"))
	for j := range wide {
		PREFETCHT1(Mem{Base: w[j], Index: ahead, Scale: 1})
	}
	k.dotBlock(rows, x, w, sums)
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
