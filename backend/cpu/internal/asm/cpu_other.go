//go:build !amd64 || noasm

package asm

func detect() InstructionSet { return Generic }
