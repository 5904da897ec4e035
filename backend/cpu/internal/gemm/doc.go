// Package gemm multiplies float32 matrices and vectors.
//
// Matrices are views with a stride for each dimension, as in BLIS: a
// transpose is an exchange of strides, and a stride of 0 repeats a row or a
// column of a factor. [Mul] packs both factors into the order in which the
// register tile reads them; [Packed] keeps a factor packed, which is what
// pays where the same weights meet a few rows many times; products of few
// rows and of vectors read their operands in place.
//
// Elements of a product are sums in float32, in an order that depends on
// shapes, strides and the instruction set only: not on the pool, and not on
// what else runs. No element is skipped for being zero, so 0*NaN is NaN.
// With beta == 0 the old content of the result is never read; with
// alpha == 0, or no terms to sum, the factors are never read.
//
// The result must not overlap a factor. The caller allocates it; packing
// uses scratch memory of the package, kept for reuse, and nothing is
// allocated per call in a steady state.
//
// Functions panic with [ShapeError] where shapes do not fit each other, with
// [ViewError] where a view reaches past its data, and with [RangeError] for
// panels that do not exist.
package gemm
