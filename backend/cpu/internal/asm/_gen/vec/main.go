// Command vec generates the float32 vector kernels, for AVX2 and AVX-512, and
// their Go stubs. The package asm says how to run it.
package main

import (
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
)

func main() {
	ConstraintExpr("!noasm")
	for _, s := range []*set{avx2, avx512} {
		for _, m := range maps {
			s.emitMap(m)
		}
		for _, r := range sums {
			s.emitSum(r)
		}
		s.emitExpSum()
		s.emitMax()
		s.emitDropoutMask()
	}
	Generate()
}

// begin opens the function name+suffix. Its documentation is the sentence
// about, in which NAME stands for the function's name, and the loop it equals.
func (s *set) begin(name, signature, about, loop string) {
	name += s.suffix
	TEXT(name, attr.NOSPLIT, signature)
	Pragma("noescape")
	doc := []string{strings.ReplaceAll(about, "NAME", name) + ":", ""}
	for _, line := range strings.Split(strings.Trim(loop, "\n"), "\n") {
		doc = append(doc, "\t"+line)
	}
	Doc(doc...)
	s.held = map[string]vector{}
	s.tail = false
}
