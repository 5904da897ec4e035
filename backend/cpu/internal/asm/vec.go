package asm

//go:generate go run -C _gen/vec . -out ../../vec_amd64.s -stubs ../../vec_amd64.go -pkg asm
