package asm

//go:generate go run -C _gen/quant . -out ../../quant_amd64.s -stubs ../../quant_amd64.go -pkg asm
