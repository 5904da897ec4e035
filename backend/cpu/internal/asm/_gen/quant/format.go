package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A format is a way in which weights are stored.
type format struct {
	name    string
	bytes   int  // of a block of 32
	scaled  bool // the block begins with a float32 that its elements are to be multiplied by
	element string
}

var (
	bfloat16 = format{name: "BFloat16", bytes: 64,
		element: "the bfloat16 number k of"}
	int8Block = format{name: "Int8", bytes: 36, scaled: true,
		element: "element k%32 of block k/32, times the block's scale, of"}
)

// A kernel is what is generated for one set and one format.
type kernel struct {
	set
	format
}

// part is vector i of the block at w, as float32, without the scale.
func (k kernel) part(w reg.GPVirtual, i int) vector {
	v := k.vec()
	if k.scaled {
		VPMOVSXBD(Mem{Base: w, Disp: 4 + i*k.lanes}, v)
		VCVTDQ2PS(v, v)
		return v
	}
	VPMOVZXWD(Mem{Base: w, Disp: 2 * i * k.lanes}, v)
	VPSLLD(U8(16), v, v)
	return v
}

// scale multiplies v by the scale of the block at w; held is that scale in
// every lane, which AVX2 needs.
func (k kernel) scale(w reg.GPVirtual, held, v vector) {
	switch {
	case !k.scaled:
	case k.wide():
		VMULPS_BCST(Mem{Base: w}, v, v)
	default:
		VMULPS(held, v, v)
	}
}

// hold is the scale of the block at w in every lane, where scale needs it.
func (k kernel) hold(w reg.GPVirtual) vector {
	if !k.scaled || k.wide() {
		return nil
	}
	return k.broadcast(Mem{Base: w})
}
