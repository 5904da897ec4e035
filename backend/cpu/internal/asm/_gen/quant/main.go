// Command quant generates the kernels of products with weights of bfloat16 and
// of Int8 blocks, for AVX2 and AVX-512, and their Go stubs. The package asm
// says how to run it.
package main

import (
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []set{avx2, avx512} {
		for _, f := range []format{bfloat16, int8Block} {
			k := kernel{set: s, format: f}
			k.dot()
			k.axpy()
			k.widen()
		}
	}
	Generate()
}

// begin opens the function name+format+set, documented by doc, in which NAME
// stands for the function's name and ELEMENT for an element of a row of weights.
func (k kernel) begin(name, signature, doc string) {
	name += k.format.name + k.set.suffix
	TEXT(name, attr.NOSPLIT, signature)
	Pragma("noescape")
	doc = strings.ReplaceAll(strings.TrimSpace(doc), "NAME", name)
	Doc(strings.Split(strings.ReplaceAll(doc, "ELEMENT", k.format.element), "\n")...)
}
