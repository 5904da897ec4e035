// Package cpu is the backend for the processor: kernels generic over float32
// and float64, threads from one pool, and float32 products, vector functions
// and BLAS calls in assembly where the processor has AVX2.
//
// Importing the package registers the backend "cpu". It also installs a [BLAS]
// through [gonum.org/v1/gonum/blas/blas32.Use], so that every blas32 call of
// the program runs on the same kernels, on its caller's thread. The backend's
// own float32 products reach those kernels directly, since BLAS has no word for
// packed weights or for free strides; float64 products go through blas64,
// whichever implementation is installed there.
//
// Copy, Read, Write and Fill take all dtypes; Gather and Select those of four
// and eight bytes; Add, Sub, Mul, Less, Equal and the reductions also int32;
// every other kernel float32 and float64. Another dtype panics with a
// [*tensor.Error].
//
// The numbers never depend on the number of threads: folds are cut into chunks
// by their shape alone. A [Backend] is for one goroutine at a time, but for
// Alloc, Free and LiveBytes, which any may call.
package cpu
