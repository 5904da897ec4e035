// Command gemm generates the kernels of float32 matrix products, for AVX2 and
// AVX-512, and their Go stubs. The package asm says how to run it.
package main

import (
	"strings"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []set{avx2, avx512} {
		s.tile()
		s.dotTile()
		s.transpose()
		s.copyRows()
		s.axpyRows()
		s.dot()
		s.scale()
	}
	Generate()
}

// begin opens the function name+suffix, documented by doc, in which "NAME"
// stands for the function's name.
func (s set) begin(name, signature, doc string) {
	name += s.suffix
	TEXT(name, noSplit, signature)
	Pragma("noescape")
	Doc(strings.Split(strings.ReplaceAll(strings.TrimSpace(doc), "NAME", name), "\n")...)
}
