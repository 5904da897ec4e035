//go:build !noasm

package asm

import "golang.org/x/sys/cpu"

func detect() InstructionSet {
	x := &cpu.X86
	if !x.HasAVX2 || !x.HasFMA {
		return Generic
	}
	// The switches clear single flags, hence the tests of flags that imply
	// one another in hardware.
	if x.HasAVX512 && x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL {
		return AVX512
	}
	return AVX2
}
