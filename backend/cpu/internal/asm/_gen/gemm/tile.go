package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const tileDoc = `
NAME is a product of one register tile, with sums kept in registers:

	for i := range rows {
		for j := range cols {
			sum := float32(0)
			for p := range k {
				sum += a[p*rows+i] * b[p*ldb+j]
			}
			if beta == 0 {
				c[i*ldc+j] = alpha * sum
			} else {
				c[i*ldc+j] = alpha*sum + beta*c[i*ldc+j]
			}
		}
	}

It needs 1 <= rows <= %d, 1 <= cols <= %d and k >= 0. Whatever cols is, it
reads all %[2]d elements of each row of b. On the way it prefetches a row like
b's from next on, step elements further with each p.`

// tileRegs are the general registers that the tiles of one kernel share.
type tileRegs struct{ k, a, b, ldb, ldb3, c, ldc, next, step, step3 reg.GPVirtual }

func (s set) tile() {
	s.begin("Tile", "func(rows, cols, k int, a, b *float32, ldb int, c *float32, ldc int, alpha, beta float32, next *float32, step int)",
		fmt.Sprintf(tileDoc, s.rows, 2*s.lanes))
	r := tileRegs{k: load64("k"), a: load64("a"), b: load64("b"), ldb: stride("ldb"),
		c: load64("c"), ldc: stride("ldc"), next: load64("next"), step: stride("step")}
	r.ldb3, r.step3 = triple(r.ldb), triple(r.step)
	cases(load64("rows"), "rows", s.rows)
	for rows := s.rows; rows >= 1; rows-- {
		Label(fmt.Sprint("rows", rows))
		s.tileOf(rows, r)
	}
}

// tileOf emits the tile of the given rows. Sums are in registers 2*i and
// 2*i+1, a row of b in the two after the last sums, then two elements of a.
func (s set) tileOf(rows int, r tileRegs) {
	label := func(what string) string { return fmt.Sprint(what, rows) }
	line := GP64()
	MOVQ(r.c, line)
	for i := range rows {
		PREFETCHT0(Mem{Base: line})
		PREFETCHT0(Mem{Base: line, Disp: 2*s.bytes() - 4})
		if i < rows-1 {
			ADDQ(r.ldc, line)
		}
	}
	for i := range 2 * rows {
		s.zero(i)
	}
	count := GP64()
	MOVQ(r.k, count)
	SHRQ(U8(2), count)
	JZ(LabelRef(label("single")))

	Label(label("four"))
	for u := range 4 {
		s.tileStep(rows, u, r)
	}
	ADDQ(U32(uint32(16*rows)), r.a)
	LEAQ(Mem{Base: r.b, Index: r.ldb, Scale: 4}, r.b)
	LEAQ(Mem{Base: r.next, Index: r.step, Scale: 4}, r.next)
	DECQ(count)
	JNZ(LabelRef(label("four")))

	Label(label("single"))
	ANDQ(U8(3), r.k)
	JZ(LabelRef(label("out")))
	Label(label("one"))
	s.tileStep(rows, 0, r)
	ADDQ(U32(uint32(4*rows)), r.a)
	ADDQ(r.ldb, r.b)
	DECQ(r.k)
	JNZ(LabelRef(label("one")))

	Label(label("out"))
	s.tileOut(rows, r, label)
}

// tileStep adds the product of column u of a and row u of b.
func (s set) tileStep(rows, u int, r tileRegs) {
	first := 2 * s.rows
	b0, b1 := s.v(first), s.v(first+1)
	VMOVUPS(at(r.b, r.ldb, r.ldb3, u, 0), b0)
	VMOVUPS(at(r.b, r.ldb, r.ldb3, u, s.bytes()), b1)
	PREFETCHT0(at(r.next, r.step, r.step3, u, 0))
	if s.wide() {
		PREFETCHT0(at(r.next, r.step, r.step3, u, 64))
	}
	for i := range rows {
		a := s.v(first + 2 + i%2)
		VBROADCASTSS(Mem{Base: r.a, Disp: 4 * (u*rows + i)}, a)
		VFMADD231PS(a, b0, s.v(2*i))
		VFMADD231PS(a, b1, s.v(2*i+1))
	}
}

// tileOut scales the sums and writes them to c. Full tiles go without masks
// in AVX2, where a masked store is dear.
func (s set) tileOut(rows int, r tileRegs, label func(string) string) {
	first := 2 * s.rows
	s.broadcastParam("alpha", first+2)
	s.broadcastParam("beta", first+3)
	for i := range 2 * rows {
		VMULPS(s.v(first+2), s.v(i), s.v(i))
	}
	cols := load64("cols")
	if !s.wide() {
		CMPQ(cols, U8(uint8(2*s.lanes)))
		JNE(LabelRef(label("masked")))
		jumpIfZeroParam("beta", label("plain"))
		s.eachRow(rows, r, func(i int, c Mem) {
			for j := range 2 {
				VFMADD231PS(c.Offset(j*s.bytes()), s.v(first+3), s.v(2*i+j))
			}
		})
		Label(label("plain"))
		s.eachRow(rows, r, func(i int, c Mem) {
			for j := range 2 {
				VMOVUPS(s.v(2*i+j), c.Offset(j*s.bytes()))
			}
		})
		finish()
		Label(label("masked"))
	}
	s.tileOutMasked(rows, r, cols, label)
	finish()
}

// tileOutMasked writes the first cols columns, one vector's columns at a
// time. The registers of b hold the mask and an old row of c.
func (s set) tileOutMasked(rows int, r tileRegs, cols reg.GPVirtual, label func(string) string) {
	first := 2 * s.rows
	m := s.newMask(0, first)
	n, limit, tmp := GP64(), GP64(), GP64()
	for j := range 2 {
		part := func(what string) string { return label(fmt.Sprint(what, "Half", j, "Of")) }
		MOVQ(cols, n)
		MOVQ(U32(uint32(s.lanes)), limit)
		if j == 0 {
			CMPQ(n, limit)
			CMOVQGT(limit, n)
		} else {
			SUBQ(limit, n)
			JLE(LabelRef(part("end")))
			ADDQ(U32(uint32(s.bytes())), r.c)
		}
		s.setMask(m, n, tmp)
		jumpIfZeroParam("beta", part("store"))
		s.eachRow(rows, r, func(i int, c Mem) {
			s.load(m, c, s.v(first+1))
			VFMADD231PS(s.v(first+1), s.v(first+3), s.v(2*i+j))
		})
		Label(part("store"))
		s.eachRow(rows, r, func(i int, c Mem) { s.store(m, s.v(2*i+j), c) })
		if j == 1 {
			Label(part("end"))
		}
	}
}

// eachRow calls f with the address of every row of the tile in c.
func (s set) eachRow(rows int, r tileRegs, f func(i int, c Mem)) {
	row := GP64()
	MOVQ(r.c, row)
	for i := range rows {
		f(i, Mem{Base: row})
		if i < rows-1 {
			ADDQ(r.ldc, row)
		}
	}
}
