// Package bench holds benchmarks of whole jobs: a step of training, a decoded
// symbol. They use the library as its users do, through exported names alone.
//
// The program in bench/table runs them, and those of single kernels, and prints
// a table; bench/compare does the same in turn with OpenBLAS and PyTorch, which
// bench/reference.py drives. With the tag gpucheck its tests are a program that
// checks and measures the backend cublas on a machine that has a GPU: make
// gpu-check. RESULTS.md says what was measured.
package bench
