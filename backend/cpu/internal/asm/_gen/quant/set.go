package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vector = reg.VecVirtual

// A set is an instruction set: vectors of lanes float32, and the rows that a
// tile of each product has at most.
type set struct {
	suffix   string
	lanes    int
	dotRows  int
	axpyRows int
}

var (
	avx2   = set{suffix: "AVX2", lanes: 8, dotRows: 4, axpyRows: 2}
	avx512 = set{suffix: "AVX512", lanes: 16, dotRows: 12, axpyRows: 12}
)

// blockLen is the number of weights that a kernel takes at a time.
const blockLen = 32

func (s set) wide() bool { return s.lanes == 16 }

// bytes is the size of a vector.
func (s set) bytes() int { return 4 * s.lanes }

// parts is the number of vectors of a block.
func (s set) parts() int { return blockLen / s.lanes }

func (s set) vec() vector {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

func (s set) zero() vector {
	v := s.vec()
	if s.wide() {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

func (s set) load(m Mem) vector {
	v := s.vec()
	VMOVUPS(m, v)
	return v
}

// broadcast is the float32 at m in every lane.
func (s set) broadcast(m Mem) vector {
	v := s.vec()
	VBROADCASTSS(m, v)
	return v
}

// sumLanes returns the sums over the lanes of four vectors in the four lanes of
// a register. It overwrites them.
func (s set) sumLanes(v [4]vector) reg.VecVirtual {
	t, u := s.vec(), s.vec()
	pairs := func(x, y vector) { // x = the sums of x's and y's even and odd pairs of lanes
		VUNPCKLPS(y, x, t)
		VUNPCKHPS(y, x, u)
		VADDPS(t, u, x)
	}
	pairs(v[0], v[1])
	pairs(v[2], v[3])
	VUNPCKLPD(v[2], v[0], t)
	VUNPCKHPD(v[2], v[0], u)
	VADDPS(t, u, v[0])
	if s.wide() {
		VEXTRACTF64X4(U8(1), v[0], t.AsY())
		VADDPS(t.AsY(), v[0].AsY(), v[0].AsY())
		VEXTRACTF32X4(U8(1), v[0].AsY(), t.AsX())
	} else {
		VEXTRACTF128(U8(1), v[0].AsY(), t.AsX())
	}
	VADDPS(t.AsX(), v[0].AsX(), v[0].AsX())
	return v[0].AsX().(reg.VecVirtual)
}

func load64(name string) reg.GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}

// stride loads parameter name, a distance in float32, as a distance in bytes.
func stride(name string) reg.GPVirtual {
	r := load64(name)
	SHLQ(U8(2), r)
	return r
}

// A rowSet addresses up to twelve rows with a common distance from two registers
// and a base for each four.
type rowSet struct {
	base        [3]reg.GPVirtual
	step, step3 reg.GPVirtual
}

// rowsOf addresses the first most rows from parameter name on.
func rowsOf(name, distance string, most int) *rowSet {
	r := &rowSet{base: [3]reg.GPVirtual{load64(name)}, step: stride(distance)}
	r.step3 = GP64()
	LEAQ(Mem{Base: r.step, Index: r.step, Scale: 2}, r.step3)
	for i := 1; 4*i < most; i++ {
		r.base[i] = GP64()
		LEAQ(Mem{Base: r.base[i-1], Index: r.step, Scale: 4}, r.base[i])
	}
	return r
}

// at is the address of byte disp of row i.
func (r *rowSet) at(i, disp int) Mem {
	m := Mem{Base: r.base[i/4], Disp: disp}
	switch i % 4 {
	case 1, 2:
		m.Index, m.Scale = r.step, uint8(i%4)
	case 3:
		m.Index, m.Scale = r.step3, 1
	}
	return m
}

// advance moves rows rows on by so many bytes.
func (r *rowSet) advance(rows, bytes int) {
	for i := 0; 4*i < rows; i++ {
		ADDQ(I32(int32(bytes)), r.base[i])
	}
}

// cases jumps to label "rows"+n where n equals r, for n from 1 to most.
func cases(r reg.GPVirtual, label func(n int) string, most int) {
	for n := most; n > 1; n-- {
		CMPQ(r, U8(uint8(n)))
		JEQ(LabelRef(label(n)))
	}
	JMP(LabelRef(label(1)))
}

func finish() {
	VZEROUPPER()
	RET()
}
