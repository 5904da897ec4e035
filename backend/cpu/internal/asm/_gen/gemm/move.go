package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const transposeDoc = `
NAME copies a strip of rows to columns:

	for i := range rows {
		for p := range cols {
			dst[p*ldd+i] = src[i*lds+p]
		}
	}

It needs 1 <= rows <= %d and cols >= 1, and writes in ascending order of p.`

// transpose moves square blocks of lanes by lanes. Rows that do not exist
// repeat the last and are masked on the way out; columns that do not exist
// are masked on the way in.
func (s set) transpose() {
	s.begin("Transpose", "func(dst *float32, ldd int, src *float32, lds, rows, cols int)",
		fmt.Sprintf(transposeDoc, s.lanes))
	dst, ldd, src, lds := load64("dst"), stride("ldd"), load64("src"), stride("lds")
	rows, cols := load64("rows"), load64("cols")
	n, row, next, tmp := GP64(), GP64(), GP64(), GP64()
	in, out := s.transposeMasks()
	if s.wide() {
		s.setMask(out, rows, tmp)
	}
	Label("block")
	MOVQ(cols, n)
	MOVQ(U32(uint32(s.lanes)), tmp)
	CMPQ(n, tmp)
	CMOVQGT(tmp, n)
	s.setMask(in, n, tmp)
	MOVQ(src, row)
	for i := range s.lanes {
		s.load(in, Mem{Base: row}, s.v(i))
		if i < s.lanes-1 {
			LEAQ(Mem{Base: row, Index: lds, Scale: 1}, next)
			CMPQ(rows, U8(uint8(i+1)))
			CMOVQGT(next, row)
		}
	}
	columns := s.transposeRegs()
	if !s.wide() {
		s.setMask(out, rows, tmp)
	}
	for _, column := range columns {
		s.store(out, s.v(column), Mem{Base: dst})
		ADDQ(ldd, dst)
		DECQ(cols)
		JZ(LabelRef("end"))
	}
	ADDQ(U8(uint8(s.bytes())), src)
	JMP(LabelRef("block"))
	Label("end")
	finish()
}

// transposeMasks returns masks for loads and for stores; with AVX2 both use
// the one register the transposition leaves.
func (s set) transposeMasks() (in, out mask) { return s.newMask(0, 15), s.newMask(1, 15) }

// transposeRegs transposes registers 0 to lanes-1 and returns which register
// holds each column.
func (s set) transposeRegs() []int {
	n := s.lanes
	cur, free := make([]int, n), make([]int, 0, n)
	for i := range n {
		cur[i] = i
	}
	for i := n; i < 2*n && i < len(zmm) && (s.wide() || i < 15); i++ {
		free = append(free, i)
	}
	// swap replaces x and y by lo(x, y) and hi(x, y).
	swap := func(x, y *int, lo, hi func(x, y, to reg.Register)) {
		l, h := free[0], *x
		lo(s.v(*x), s.v(*y), s.v(l))
		hi(s.v(*x), s.v(*y), s.v(h))
		free = append(free[1:], *y)
		*x, *y = l, h
	}
	for i := 0; i < n; i += 2 {
		swap(&cur[i], &cur[i+1],
			func(x, y, to reg.Register) { VUNPCKLPS(y, x, to) },
			func(x, y, to reg.Register) { VUNPCKHPS(y, x, to) })
	}
	for i := 0; i < n; i += 4 {
		for j := range 2 {
			swap(&cur[i+j], &cur[i+j+2],
				func(x, y, to reg.Register) { VUNPCKLPD(y, x, to) },
				func(x, y, to reg.Register) { VUNPCKHPD(y, x, to) })
		}
	}
	// Register 4*g+j now holds, in its 128-bit lane l, rows 4*g to 4*g+3 of
	// column 4*l + order[j].
	order := []int{0, 2, 1, 3}
	columns := make([]int, n)
	if !s.wide() {
		for j := range 4 {
			swap(&cur[j], &cur[4+j],
				func(x, y, to reg.Register) { VPERM2F128(U8(0x20), y, x, to) },
				func(x, y, to reg.Register) { VPERM2F128(U8(0x31), y, x, to) })
			columns[order[j]], columns[4+order[j]] = cur[j], cur[4+j]
		}
		return columns
	}
	even := func(x, y, to reg.Register) { VSHUFF32X4(U8(0x88), y, x, to) }
	odd := func(x, y, to reg.Register) { VSHUFF32X4(U8(0xdd), y, x, to) }
	for j := range 4 {
		g := []*int{&cur[j], &cur[4+j], &cur[8+j], &cur[12+j]}
		swap(g[0], g[1], even, odd) // lanes 0, 2 and lanes 1, 3 of rows 0 to 7
		swap(g[2], g[3], even, odd)
		swap(g[0], g[2], even, odd) // lane 0 and lane 2 of all rows
		swap(g[1], g[3], even, odd)
		for l := range 4 {
			columns[4*l+order[j]] = *g[l]
		}
	}
	return columns
}

const copyDoc = `
NAME copies the rows of a narrow matrix:

	for p := range rows {
		for j := range cols {
			dst[p*ldd+j] = src[p*lds+j]
		}
	}

It needs rows >= 1 and 1 <= cols <= %d.`

func (s set) copyRows() {
	s.begin("CopyRows", "func(dst *float32, ldd int, src *float32, lds, rows, cols int)",
		fmt.Sprintf(copyDoc, 2*s.lanes))
	dst, ldd, src, lds := load64("dst"), stride("ldd"), load64("src"), stride("lds")
	rows, cols := load64("rows"), load64("cols")
	first, second := s.newMask(0, 14), s.newMask(1, 15)
	v, w := s.v(0), s.v(1)
	loop := func(label string, body func()) {
		Label(label)
		body()
		ADDQ(lds, src)
		ADDQ(ldd, dst)
		DECQ(rows)
		JNZ(LabelRef(label))
		finish()
	}
	CMPQ(cols, U8(uint8(2*s.lanes)))
	JNE(LabelRef("notFull"))
	loop("full", func() {
		VMOVUPS(Mem{Base: src}, v)
		VMOVUPS(Mem{Base: src, Disp: s.bytes()}, w)
		VMOVUPS(v, Mem{Base: dst})
		VMOVUPS(w, Mem{Base: dst, Disp: s.bytes()})
	})
	Label("notFull")
	tmp := GP64()
	SUBQ(U8(uint8(s.lanes)), cols)
	JGT(LabelRef("wide"))
	ADDQ(U8(uint8(s.lanes)), cols)
	s.setMask(first, cols, tmp)
	loop("narrow", func() {
		s.load(first, Mem{Base: src}, v)
		s.store(first, v, Mem{Base: dst})
	})
	Label("wide")
	s.setMask(second, cols, tmp)
	loop("both", func() {
		VMOVUPS(Mem{Base: src}, v)
		s.load(second, Mem{Base: src, Disp: s.bytes()}, w)
		VMOVUPS(v, Mem{Base: dst})
		s.store(second, w, Mem{Base: dst, Disp: s.bytes()})
	})
}
