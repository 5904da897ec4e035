# test is the whole suite; check is what CI runs; generate needs the modules of
# the kernel generators; bench prints a table from the Go benchmarks, with
# options as in make bench ARGS=-quick (ARGS=-h lists them); gpu-check builds a
# program to be run on a machine with an NVIDIA GPU, see docs/gpu.md.
.PHONY: test check race noasm bench generate gpu-check

test:
	go test ./...

check:
	.ci/run

# race runs what starts goroutines: the pool, the kernels that split their work
# over it, and the commands. Kernels are picked by name, since all their sizes
# under the detector take too long.
race:
	go test -race ./backend/cpu/internal/pool ./internal/command ./autograd
	go test -race -short ./sharnn/...
	go test -race ./pplm/shalm ./pplm/serve ./pplm/serve/internal/... ./nn/bpe ./backend/cpu/internal/spare
	go test -race ./backend/cpu/internal/gemm -run 'Threads|Packed|MulVec$$'
	go test -race ./backend/cpu -run 'Threads|Goroutines|LiveBytes|LSTM$$|Attention$$|Boom$$|AdamDirection|LayerNorm$$|LinearCrossEntropy$$'

noasm:
	go test -tags noasm ./backend/... ./autograd/... ./nn/... ./sharnn/ ./pplm/ ./pplm/gpt2/ ./pplm/shalm/

bench:
	go run ./bench/table $(ARGS)

# The tags keep other shared libraries than the C library out.
GPU_CHECK = gpu-check
gpu-check:
	CGO_ENABLED=1 go test -c -trimpath -tags gpucheck,netgo,osusergo -o $(GPU_CHECK) ./bench

generate:
	go generate ./backend/cpu/internal/asm
