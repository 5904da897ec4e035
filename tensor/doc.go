// Package tensor describes tensors: element type, shape, strides and the
// buffer they look into. It allocates no numbers and computes none; a backend
// does both.
//
// A [Tensor] is a small header. Views (Reshape, Permute, Slice, Broadcast)
// make new headers over the same [Buffer] and never copy. Headers are
// immutable by convention: change the numbers through a backend, make a new
// header for another shape.
//
// Shapes and dtypes are the caller's to get right: a wrong one panics with an
// [*Error] that names the operation and every shape. [Catch] turns such a
// panic into an error at a command's edge.
//
// [Key] is the counter-based random generator of the whole project: the same
// (seed, step, site) gives the same numbers on every backend.
package tensor
