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
// Copy, Read, Write, Fill, Gather and Select take all dtypes; Add, Sub, Mul,
// Less, Equal, ScatterAdd and the reductions float32, float64 and int32; every
// other kernel float32 and float64. Another dtype panics with a
// [*tensor.Error].
//
// Weights of bfloat16 and Int8 (which Copy converts from and to float32, and
// Fill fills) serve MatMul, LSTM and Boom as their right factors and Gather as a
// table, beside float32. They are read as they are stored: few rows at the pace
// of memory, many by way of a band of rows at a time in scratch memory.
//
// The numbers never depend on the number of threads: folds are cut into chunks
// by their shape alone. Tensors may have up to 8 axes longer than 1.
//
// Several goroutines may use a [Backend] at once, on tensors of their own: one
// kernel at a time has the threads, the others run on their callers.
package cpu
