package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

type vector = reg.VecVirtual

// A set is an instruction set, with the state of the kernel being generated.
// A vector of it holds lanes float32.
//
// Constants are kept in registers with AVX-512, which has 32, and read from
// memory where they are used with AVX2, which has 16.
type set struct {
	suffix string
	lanes  int

	held map[string]vector // constants and scalar arguments in registers

	// In the tail, loads and stores are limited to the first lanes by maskK
	// with AVX-512 and by maskV with AVX2.
	tail  bool
	maskK reg.OpmaskVirtual
	maskV vector
}

var (
	avx2   = &set{suffix: "AVX2", lanes: 8}
	avx512 = &set{suffix: "AVX512", lanes: 16}
)

func (s *set) wide() bool { return s.lanes == 16 }

func (s *set) vec() vector {
	if s.wide() {
		return ZMM()
	}
	return YMM()
}

// half is a register of half the vector's size.
func (s *set) half() vector {
	if s.wide() {
		return YMM()
	}
	return XMM()
}

func (s *set) zero() vector {
	v := s.vec()
	VXORPS(v, v, v)
	return v
}

// hold puts constants in registers with AVX-512. It belongs before the loop.
func (s *set) hold(names ...string) {
	for _, name := range names {
		if s.wide() && s.held[name] == nil {
			v := s.vec()
			VBROADCASTSS(constant(name), v)
			s.held[name] = v
		}
	}
}

// holdParam puts a float32 argument in every lane of a register.
func (s *set) holdParam(name string) {
	v := s.vec()
	VBROADCASTSS(addr(Param(name)), v)
	s.held[name] = v
}

// c is a constant or scalar argument as an instruction's first operand.
func (s *set) c(name string) Op {
	if v := s.held[name]; v != nil {
		return v
	}
	if s.wide() {
		panic("constant " + name + " is not held")
	}
	return constant(name)
}

// value is a constant in a register that must not be written.
func (s *set) value(name string) vector {
	if v := s.held[name]; v != nil {
		return v
	}
	return s.fresh(name)
}

// fresh is a constant in a register of its own.
func (s *set) fresh(name string) vector {
	v := s.vec()
	VMOVUPS(s.c(name), v)
	return v
}

// load reads a vector: in the tail its first lanes, the others being zero.
func (s *set) load(m Mem) vector {
	v := s.vec()
	switch {
	case !s.tail:
		VMOVUPS(m, v)
	case s.wide():
		VMOVUPS_Z(m, s.maskK, v)
	default:
		VMASKMOVPS(m, s.maskV, v)
	}
	return v
}

// store writes a vector: in the tail its first lanes.
func (s *set) store(v vector, m Mem) {
	switch {
	case !s.tail:
		VMOVUPS(v, m)
	case s.wide():
		VMOVUPS(v, s.maskK, m)
	default:
		VMASKMOVPS(v, s.maskV, m)
	}
}

// blendSign is neg in the lanes where x has its sign bit set, pos elsewhere.
func (s *set) blendSign(x, neg, pos vector) vector {
	v := s.vec()
	if s.wide() {
		k := K()
		VPTESTMD(s.c("sign"), x, k)
		VBLENDMPS(neg, pos, k, v)
	} else {
		VBLENDVPS(x, neg, pos, v)
	}
	return v
}

// A condition selects lanes: an opmask with AVX-512, a vector with AVX2.
type condition struct {
	k reg.OpmaskVirtual
	v vector
}

// compare selects the lanes in which v stands in the relation to the constant.
func (s *set) compare(predicate uint8, name string, v vector) condition {
	if s.wide() {
		k := K()
		VCMPPS(U8(predicate), s.c(name), v, k)
		return condition{k: k}
	}
	m := YMM()
	VCMPPS(U8(predicate), s.c(name), v, m)
	return condition{v: m}
}

// blend overwrites the selected lanes of v with those of other.
func (s *set) blend(c condition, other, v vector) {
	if s.wide() {
		VMOVAPS(other, c.k, v)
	} else {
		VBLENDVPS(c.v, other, v, v)
	}
}

// addWhere adds a constant to the selected lanes.
func (s *set) addWhere(c condition, name string, v vector) {
	if s.wide() {
		VADDPS(s.c(name), v, c.k, v)
		return
	}
	VANDPS(s.c(name), c.v, c.v)
	VADDPS(c.v, v, v)
}

// maskGroup selects those of width lanes, the first of them being lane first,
// that lie below n, and enters the tail.
func (s *set) maskGroup(n reg.GPVirtual, first, width int) {
	s.tail = true
	if s.wide() {
		bits := lowBits(n)
		if first > 0 {
			SHRQ(U8(uint8(first)), bits)
		}
		s.maskK = K()
		KMOVW(bits.As32(), s.maskK)
		return
	}
	s.maskV = YMM()
	if m := maskAt(n, first); width == 4 {
		VMOVUPS(m, s.lower(s.maskV))
	} else {
		VMOVUPS(m, s.maskV)
	}
}

// lowBits is a new register with the low n bits set, n < 64.
func lowBits(n reg.GPVirtual) reg.GPVirtual {
	bits := GP64()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	return bits
}

// maskAt is where the AVX2 mask of lanes first, first+1, ... of the first
// n lanes is found, n <= 32: in a table of 32 set and 32 clear lanes, n lanes
// before the middle.
func maskAt(n reg.GPVirtual, first int) Mem {
	minus, table := GP64(), GP64()
	MOVQ(n, minus)
	NEGQ(minus)
	LEAQ(laneMasks(), table)
	return Mem{Base: table, Index: minus, Scale: 4, Disp: 4 * (32 + first)}
}

// The data sections made so far.
var (
	globals   = map[string]Mem{}
	maskTable *Mem
)

func laneMasks() Mem {
	if maskTable == nil {
		table := GLOBL("vecLaneMasks", attr.RODATA|attr.NOPTR)
		for i := range 64 {
			value := U32(0)
			if i < 32 {
				value = math.MaxUint32
			}
			DATA(4*i, value)
		}
		maskTable = &table
	}
	return *maskTable
}

// constant is the address of eight copies of a constant.
func constant(name string) Mem {
	if m, ok := globals[name]; ok {
		return m
	}
	bits, ok := constants[name]
	if !ok {
		panic("no constant " + name)
	}
	m := GLOBL("vec_"+name, attr.RODATA|attr.NOPTR)
	for i := range 8 {
		DATA(4*i, U32(bits))
	}
	globals[name] = m
	return m
}

// param loads an argument in a new general register.
func param(c gotypes.Component) reg.GPVirtual {
	r := GP64()
	MOVQ(addr(c), r)
	return r
}

// addr is where an argument or result lies in the frame.
func addr(c gotypes.Component) Mem {
	b, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

func finish() {
	VZEROUPPER()
	RET()
}
