package main

import (
	"slices"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const philoxRounds = 10

// emitDropoutMask generates Philox4x32-10 (Salmon et al. 2011) with a block of
// four words in each 64-bit lane of four vectors. VPMULUDQ multiplies the low
// halves only, so what xor leaves in the high halves does no harm.
//
// The keys of the rounds, two each, lie in the frame.
func (s *set) emitDropoutMask() {
	s.begin("DropoutMask",
		"func(dst []float32, seed0, seed1 uint32, block uint64, word2, word3, threshold uint32, scale float32)",
		"NAME is, the block's number being the first two words of the counter", `
for i := range dst {
	b := block + uint64(i)/4
	words := tensor.Philox([4]uint32{uint32(b), uint32(b >> 32), word2, word3}, [2]uint32{seed0, seed1})
	dst[i] = 0
	if words[i%4]>>8 < threshold {
		dst[i] = scale
	}
}`)
	keys := roundKeys()
	dst, n := param(Param("dst").Base()), param(Param("dst").Len())
	p := s.newPhilox(keys)
	s.blocks(n, 4, s.lanes, func(g int, i reg.GPVirtual) {
		if g == 0 {
			p.next()
		}
		s.store(p.mask[g], Mem{Base: dst, Index: i, Scale: 4, Disp: 4 * s.lanes * g})
	})
	finish()
}

// roundKeys writes the keys of all rounds to the frame.
func roundKeys() Mem {
	keys := AllocLocal(8 * philoxRounds)
	for j, name := range []string{"seed0", "seed1"} {
		key := GP32()
		MOVL(addr(Param(name)), key)
		for r := range philoxRounds {
			MOVL(key, keys.Offset(8*r+4*j))
			ADDL(U32([]uint32{0x9e3779b9, 0xbb67ae85}[j]), key)
		}
	}
	return keys
}

// philox makes random blocks. Its lanes hold the blocks in such an order that
// unpacking them puts neighbours side by side.
type philox struct {
	s        *set
	keys     Mem
	block    vector // numbers of the blocks, 64 bits each
	step     Mem
	mul      [2]Mem
	oddLanes reg.OpmaskVirtual // AVX-512 only

	mask [4]vector // made by next
}

func (s *set) newPhilox(keys Mem) *philox {
	p := &philox{s: s, keys: keys, block: s.vec()}
	order := []uint64{0, 2, 1, 3}
	if s.wide() {
		order = []uint64{0, 4, 1, 5, 2, 6, 3, 7}
		odd := GP32()
		MOVL(U32(0xaaaa), odd)
		p.oddLanes = K()
		KMOVW(odd, p.oddLanes)
	}
	VPBROADCASTQ(addr(Param("block")), p.block)
	VPADDQ(quads("vecBlockOrder"+s.suffix, order), p.block, p.block)
	p.step = s.repeated("vecBlocks", uint64(len(order)))
	p.mul = [2]Mem{s.repeated("vecPhilox0", 0xd2511f53), s.repeated("vecPhilox1", 0xcd9e8d57)}
	return p
}

// repeated is the address of a vector of one 64-bit number.
func (s *set) repeated(name string, v uint64) Mem {
	return quads(name+s.suffix, slices.Repeat([]uint64{v}, s.lanes/2))
}

// quads is the address of 64-bit numbers.
func quads(name string, values []uint64) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i, v := range values {
		DATA(8*i, U64(v))
	}
	return m
}

// next makes four vectors of the mask, from two chains of rounds at a time:
// one alone would wait for its multiplications.
func (p *philox) next() {
	a, b := p.counters(), p.counters()
	for r := range philoxRounds {
		a = p.round(r, a)
		b = p.round(r, b)
	}
	p.mask[0], p.mask[1] = p.unpack(a)
	p.mask[2], p.mask[3] = p.unpack(b)
}

// counters are the next blocks' counters, a word in each vector.
func (p *philox) counters() [4]vector {
	s := p.s
	c := [4]vector{s.vec(), s.vec(), s.vec(), s.vec()}
	VMOVUPS(p.block, c[0])
	VPSRLQ(U8(32), p.block, c[1])
	VBROADCASTSS(addr(Param("word2")), c[2])
	VBROADCASTSS(addr(Param("word3")), c[3])
	VPADDQ(p.step, p.block, p.block)
	return c
}

func (p *philox) round(r int, c [4]vector) [4]vector {
	product0, product1 := p.s.vec(), p.s.vec()
	VPMULUDQ(p.mul[0], c[0], product0)
	VPMULUDQ(p.mul[1], c[2], product1)
	return [4]vector{
		p.mix(product1, c[1], p.keys.Offset(8*r)), product1,
		p.mix(product0, c[3], p.keys.Offset(8*r+4)), product0,
	}
}

// unpack puts the words in order and turns them into elements of the mask.
func (p *philox) unpack(c [4]vector) (low, high vector) {
	low, high = p.s.vec(), p.s.vec()
	p.interleave(c[0], c[1])
	p.interleave(c[2], c[3])
	VPUNPCKLQDQ(c[2], c[0], low)
	VPUNPCKHQDQ(c[2], c[0], high)
	p.compare(low)
	p.compare(high)
	return low, high
}

// mix is the high half of the product ^ word ^ key. A shuffle fetches the high
// half because shifts and multiplications compete for the same port.
func (p *philox) mix(product, word vector, key Mem) vector {
	v := p.s.vec()
	VPSHUFD(U8(0xf5), product, v)
	if p.s.wide() {
		VPTERNLOGD_BCST(U8(0x96), key, word, v) // the exclusive or of all three
		return v
	}
	k := p.s.vec()
	VPBROADCASTD(key, k)
	VPXOR(word, v, v)
	VPXOR(k, v, v)
	return v
}

// interleave puts the low half of b's 64-bit lanes above that of a's.
func (p *philox) interleave(a, b vector) {
	if p.s.wide() {
		VMOVSLDUP(b, p.oddLanes, a)
		return
	}
	VPSLLQ(U8(32), b, b)
	VPBLENDD(U8(0xaa), b, a, a)
}

// compare turns words into elements of the mask.
func (p *philox) compare(v vector) {
	threshold, scale := p.s.vec(), p.s.vec()
	VBROADCASTSS(addr(Param("threshold")), threshold)
	VBROADCASTSS(addr(Param("scale")), scale)
	VPSRLD(U8(8), v, v)
	if p.s.wide() {
		k := K()
		VPCMPGTD(v, threshold, k)
		VMOVAPS_Z(scale, k, v)
		return
	}
	VPCMPGTD(v, threshold, v)
	VANDPS(scale, v, v)
}
