package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const noSplit = attr.NOSPLIT

// A set is an instruction set as the kernels see it: vectors of lanes
// float32, and the shape of the product's register tile.
type set struct {
	suffix  string
	lanes   int
	rows    int // of a register tile; it is two vectors wide
	dotRows int // rows of a in a tile of dot products
}

var (
	avx2   = set{suffix: "AVX2", lanes: 8, rows: 6, dotRows: 3}
	avx512 = set{suffix: "AVX512", lanes: 16, rows: 14, dotRows: 4}
)

func (s set) wide() bool { return s.lanes == 16 }

// bytes returns the size of a vector.
func (s set) bytes() int { return 4 * s.lanes }

// v returns vector register i.
func (s set) v(i int) reg.VecPhysical {
	if s.wide() {
		return zmm[i]
	}
	return ymm[i]
}

var (
	xmm = []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
		reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
		reg.X16, reg.X17, reg.X18, reg.X19, reg.X20, reg.X21, reg.X22, reg.X23,
		reg.X24, reg.X25, reg.X26, reg.X27, reg.X28, reg.X29, reg.X30, reg.X31}
	ymm = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
		reg.Y16, reg.Y17, reg.Y18, reg.Y19, reg.Y20, reg.Y21, reg.Y22, reg.Y23,
		reg.Y24, reg.Y25, reg.Y26, reg.Y27, reg.Y28, reg.Y29, reg.Y30, reg.Y31}
	zmm = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}
)

func (s set) zero(i int) {
	if s.wide() {
		VPXORD(s.v(i), s.v(i), s.v(i))
		return
	}
	VXORPS(s.v(i), s.v(i), s.v(i))
}

// A mask selects the first lanes of a vector: an opmask register with
// AVX-512, a vector of sign bits with AVX2.
type mask struct{ k, v reg.Register }

// newMask names mask register i: opmask i+1, or vector vec with AVX2.
func (s set) newMask(i, vec int) mask {
	return mask{k: []reg.Register{reg.K1, reg.K2, reg.K3}[i], v: ymm[vec]}
}

// setMask makes m select the first n lanes, 0 <= n <= lanes. It uses tmp.
func (s set) setMask(m mask, n, tmp reg.GPVirtual) {
	if s.wide() {
		MOVL(I32(-1), tmp.As32())
		BZHIL(n.As32(), tmp.As32(), tmp.As32())
		KMOVW(tmp.As32(), m.k)
		return
	}
	LEAQ(laneMasks(), tmp)
	NEGQ(n)
	VMOVUPS(Mem{Base: tmp, Index: n, Scale: 4, Disp: 32}, m.v)
	NEGQ(n)
}

var laneMaskTable Op

// laneMasks returns the table of AVX2's masks: eight lanes set, then eight
// clear. The mask of n lanes starts n lanes before the middle.
func laneMasks() Op {
	if laneMaskTable == nil {
		table := GLOBL("gemmLaneMasks", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			value := U32(0)
			if i < 8 {
				value = 0xffffffff
			}
			DATA(4*i, value)
		}
		laneMaskTable = table
	}
	return laneMaskTable
}

// load reads the lanes m selects and clears the others of vector register r.
func (s set) load(m mask, from Op, r reg.Register) {
	if s.wide() {
		VMOVUPS_Z(from, m.k, r)
		return
	}
	VMASKMOVPS(from, maskFor(m, r), r)
}

// store writes the lanes m selects.
func (s set) store(m mask, r reg.Register, to Op) {
	if s.wide() {
		VMOVUPS(r, m.k, to)
		return
	}
	VMASKMOVPS(r, maskFor(m, r), to)
}

// maskFor returns m's vector in the size of r.
func maskFor(m mask, r reg.Register) Op {
	if r.Size() == 16 {
		return m.v.(reg.VecPhysical).AsX()
	}
	return m.v
}

// load64 loads parameter name in a new register.
func load64(name string) reg.GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}

// stride loads parameter name, a distance in elements, as a distance in bytes.
func stride(name string) reg.GPVirtual {
	r := load64(name)
	SHLQ(U8(2), r)
	return r
}

// at returns the address base + times*step + disp, step3 being three steps.
func at(base, step, step3 reg.GPVirtual, times, disp int) Mem {
	m := Mem{Base: base, Disp: disp}
	switch times {
	case 1, 2, 4:
		m.Index, m.Scale = step, uint8(times)
	case 3:
		m.Index, m.Scale = step3, 1
	}
	return m
}

// triple returns a register of three times step.
func triple(step reg.GPVirtual) reg.GPVirtual {
	r := GP64()
	LEAQ(Mem{Base: step, Index: step, Scale: 2}, r)
	return r
}

// broadcastParam fills register i with parameter name.
func (s set) broadcastParam(name string, i int) {
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(m.Addr, s.v(i))
}

// jumpIfZeroParam jumps where the float32 parameter name is 0 or -0.
func jumpIfZeroParam(name, label string) {
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	t := GP32()
	MOVL(m.Addr, t)
	ADDL(t, t) // drops the sign
	JZ(LabelRef(label))
}

// cases jumps to the label "name+n" where n equals r, for n from 1 to most.
func cases(r reg.GPVirtual, name string, most int) {
	for n := most; n > 1; n-- {
		CMPQ(r, U8(uint8(n)))
		JEQ(LabelRef(fmt.Sprint(name, n)))
	}
	JMP(LabelRef(name + "1"))
}

func finish() {
	VZEROUPPER()
	RET()
}
