// Package quant multiplies float32 matrices by weights of bfloat16 or of Int8
// blocks, which stay as they are stored.
//
// [MulT] and [Mul] read the same copy of the weights, by rows: the one sums
// along them, the other adds up multiples of them. Both widen weights in
// registers, so that a product of few rows takes as long as reading the
// weights; products of many rows widen a band of rows at a time into scratch
// memory and leave them to package gemm. Activations are never rounded: every
// product is the float32 one of the widened weights, up to rounding, and NaN
// and infinities are carried.
//
// The elements of a product depend on shapes, strides and the instruction set
// only, not on the pool. The result must not overlap a factor. The caller
// allocates it; scratch memory is the package's, kept for reuse.
//
// Functions panic with a [*tensor.Error] where shapes do not fit, or weights
// reach past their data.
package quant
