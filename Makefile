# test is the whole suite; check is what CI runs; generate needs the modules of
# the kernel generators; bench prints a table from the Go benchmarks, with
# options as in make bench ARGS=-quick (ARGS=-h lists them).
.PHONY: test check race noasm bench generate

test:
	go test ./...

check:
	.ci/run

race:
	go test -race ./backend/cpu/... ./autograd/... ./sharnn/...

noasm:
	go test -tags noasm ./backend/... ./autograd/... ./nn/... ./sharnn/

bench:
	go run ./bench/table $(ARGS)

generate:
	go generate ./backend/cpu/internal/asm
