package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const dotTileDoc = `
NAME is a product with both factors stored along k:

	for i := range rows {
		for j := range cols {
			sum := float32(0)
			for p := range k {
				sum += a[i*lda+p] * b[j*ldb+p]
			}
			if beta == 0 {
				c[i*ldc+j] = alpha * sum
			} else {
				c[i*ldc+j] = alpha*sum + beta*c[i*ldc+j]
			}
		}
	}

It needs 1 <= rows <= %d, 1 <= cols <= 4 and k >= 0. On the way it prefetches
the four rows after b's, from element ahead on, pace elements for every %d of k.`

// dotRegs are the general registers of a tile of dot products: a row of a or
// b per register, clamped to the last that exists, the place along k, and that
// to prefetch.
type dotRegs struct {
	a, b             []reg.GPVirtual
	p, blocks, ahead reg.GPVirtual
}

func (s set) dotTile() {
	s.begin("DotTile", "func(rows, cols, k int, a *float32, lda int, b *float32, ldb int, c *float32, ldc int, alpha, beta float32, ahead, pace int)",
		fmt.Sprintf(dotTileDoc, s.dotRows, s.lanes))
	r := dotRegs{a: s.rowPointers("a", "lda", "rows", s.dotRows), b: s.rowPointers("b", "ldb", "cols", 4)}
	ldb := load64("ldb")
	r.ahead = load64("ahead")
	LEAQ(Mem{Base: r.ahead, Index: ldb, Scale: 4}, r.ahead)
	r.blocks = load64("k")
	r.p = GP64()
	XORQ(r.p, r.p)
	cases(load64("rows"), "rows", s.dotRows)
	for rows := s.dotRows; rows >= 1; rows-- {
		Label(fmt.Sprint("rows", rows))
		s.dotTileOf(rows, r)
	}
}

// rowPointers returns pointers to the first most rows of a matrix; those past
// parameter count repeat the last row.
func (s set) rowPointers(base, ld, count string, most int) []reg.GPVirtual {
	rows := []reg.GPVirtual{load64(base)}
	step, n := stride(ld), load64(count)
	for i := 1; i < most; i++ {
		next := GP64()
		MOVQ(rows[i-1], next)
		ADDQ(step, next)
		CMPQ(n, U8(uint8(i)))
		CMOVQLE(rows[i-1], next)
		rows = append(rows, next)
	}
	return rows
}

// dotTileOf emits the tile of the given rows: sums in registers 4*i+j, then
// the rows' vectors, then one vector of b.
func (s set) dotTileOf(rows int, r dotRegs) {
	label := func(what string) string { return fmt.Sprint(what, rows) }
	for i := range 4 * rows {
		s.zero(i)
	}
	tail := GP64()
	MOVQ(r.blocks, tail)
	ANDQ(U8(uint8(s.lanes-1)), tail)
	SHRQ(U8(map[int]uint8{8: 3, 16: 4}[s.lanes]), r.blocks)
	JZ(LabelRef(label("tail")))
	Label(label("loop"))
	s.dotStep(rows, r)
	ADDQ(U8(uint8(s.lanes)), r.p)
	ADDQ(paceParam(), r.ahead)
	DECQ(r.blocks)
	JNZ(LabelRef(label("loop")))

	Label(label("tail"))
	TESTQ(tail, tail)
	JZ(LabelRef(label("sum")))
	s.dotTail(rows, r, tail)

	Label(label("sum"))
	s.dotOut(rows, label)
	finish()
}

// paceParam returns the parameter pace in memory: registers are few.
func paceParam() Mem {
	m, err := Param("pace").Resolve()
	if err != nil {
		panic(err)
	}
	return m.Addr
}

// dotStep adds the products of one vector of each row.
func (s set) dotStep(rows int, r dotRegs) {
	first := 4 * rows
	for i := range rows {
		VMOVUPS(Mem{Base: r.a[i], Index: r.p, Scale: 4}, s.v(first+i))
	}
	for j := range 4 {
		b := s.v(first + rows)
		if s.wide() {
			b = s.v(first + rows + j)
		}
		VMOVUPS(Mem{Base: r.b[j], Index: r.p, Scale: 4}, b)
		PREFETCHT0(Mem{Base: r.b[j], Index: r.ahead, Scale: 4})
		for i := range rows {
			VFMADD231PS(s.v(first+i), b, s.v(4*i+j))
		}
	}
}

// dotTail adds the products of the last n elements. It loads a vector of b
// for every row, since AVX2 has but three registers left, one for the mask.
func (s set) dotTail(rows int, r dotRegs, n reg.GPVirtual) {
	a, b := s.v(4*rows), s.v(4*rows+1)
	m := s.newMask(0, 4*rows+2)
	s.setMask(m, n, r.blocks)
	for i := range rows {
		s.load(m, Mem{Base: r.a[i], Index: r.p, Scale: 4}, a)
		for j := range 4 {
			s.load(m, Mem{Base: r.b[j], Index: r.p, Scale: 4}, b)
			VFMADD231PS(a, b, s.v(4*i+j))
		}
	}
}

// dotOut adds up each sum's lanes, and writes the four results of a row at
// once. It uses the registers past the sums.
func (s set) dotOut(rows int, label func(string) string) {
	t, u := 4*rows, 4*rows+1
	for i := range rows {
		s.sumLanes(4*i, t, u)
	}
	c, ldc, n, tmp := load64("c"), stride("ldc"), load64("cols"), GP64()
	alpha, beta := t, u
	m := s.newMask(0, 4*rows+2)
	s.broadcastParam("alpha", alpha)
	s.broadcastParam("beta", beta)
	s.setMask(m, n, tmp)
	for i := range rows {
		VMULPS(xmm[alpha], xmm[4*i], xmm[4*i])
	}
	jumpIfZeroParam("beta", label("store"))
	row := GP64()
	MOVQ(c, row)
	for i := range rows {
		s.load(m, Mem{Base: row}, xmm[4*i+1])
		VFMADD231PS(xmm[4*i+1], xmm[beta], xmm[4*i])
		ADDQ(ldc, row)
	}
	Label(label("store"))
	for i := range rows {
		s.store(m, xmm[4*i], Mem{Base: c})
		if i < rows-1 {
			ADDQ(ldc, c)
		}
	}
}

// sumLanes leaves the sums over lanes of the vectors r to r+3 in the four
// lanes of xmm[r]. It uses registers t and u and those it sums.
func (s set) sumLanes(r, t, u int) {
	pairs := func(x, y int) { // x = the sums of x's and y's even and odd pairs of lanes
		VUNPCKLPS(s.v(y), s.v(x), s.v(t))
		VUNPCKHPS(s.v(y), s.v(x), s.v(u))
		VADDPS(s.v(t), s.v(u), s.v(x))
	}
	pairs(r, r+1)
	pairs(r+2, r+3)
	VUNPCKLPD(s.v(r+2), s.v(r), s.v(t))
	VUNPCKHPD(s.v(r+2), s.v(r), s.v(u))
	VADDPS(s.v(t), s.v(u), s.v(r))
	if s.wide() {
		VEXTRACTF64X4(U8(1), zmm[r], ymm[t])
		VADDPS(ymm[t], ymm[r], ymm[r])
	}
	VEXTRACTF128(U8(1), ymm[r], xmm[r+1])
	VADDPS(xmm[r+1], xmm[r], xmm[r])
}

const dotDoc = `
NAME is a dot product:

	sum := float32(0)
	for i := range n {
		sum += x[i] * y[i]
	}
	return sum`

func (s set) dot() {
	s.begin("Dot", "func(n int, x, y *float32) float32", dotDoc)
	n, x, y := load64("n"), load64("x"), load64("y")
	for i := range 4 {
		s.zero(i)
	}
	Label("four")
	SUBQ(U8(uint8(4*s.lanes)), n)
	JLT(LabelRef("rest"))
	for i := range 4 {
		VMOVUPS(Mem{Base: x, Disp: i * s.bytes()}, s.v(4+i))
		VFMADD231PS(Mem{Base: y, Disp: i * s.bytes()}, s.v(4+i), s.v(i))
	}
	ADDQ(U32(uint32(4*s.bytes())), x)
	ADDQ(U32(uint32(4*s.bytes())), y)
	JMP(LabelRef("four"))

	Label("rest")
	ADDQ(U8(uint8(4*s.lanes)), n)
	m := s.newMask(0, 15)
	s.eachVector(n, []reg.GPVirtual{x, y}, m,
		func() {
			VMOVUPS(Mem{Base: x}, s.v(4))
			VFMADD231PS(Mem{Base: y}, s.v(4), s.v(0))
		},
		func() {
			s.load(m, Mem{Base: x}, s.v(4))
			s.load(m, Mem{Base: y}, s.v(5))
			VFMADD231PS(s.v(4), s.v(5), s.v(1))
		})
	s.sumLanes(0, 4, 5)
	VHADDPS(xmm[0], xmm[0], xmm[0])
	VHADDPS(xmm[0], xmm[0], xmm[0])
	result, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(xmm[0], result.Addr)
	finish()
}

// eachVector runs full on whole vectors, then, with m set, part on the rest
// of n elements, and moves the pointers on.
func (s set) eachVector(n reg.GPVirtual, pointers []reg.GPVirtual, m mask, full, part func()) {
	Label("vector")
	SUBQ(U8(uint8(s.lanes)), n)
	JLT(LabelRef("part"))
	full()
	for _, p := range pointers {
		ADDQ(U8(uint8(s.bytes())), p)
	}
	JMP(LabelRef("vector"))
	Label("part")
	ADDQ(U8(uint8(s.lanes)), n)
	JZ(LabelRef("end"))
	s.setMask(m, n, GP64())
	part()
	Label("end")
}
