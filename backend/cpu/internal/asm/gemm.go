package asm

//go:generate go run -C _gen/gemm . -out ../../gemm_amd64.s -stubs ../../gemm_amd64.go -pkg asm
