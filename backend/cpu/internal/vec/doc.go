// Package vec holds the float32 vector routines of the CPU backend: elementary
// functions, activations and their gradients, arithmetic, reductions, the
// arithmetic of layer normalisation, LSTM gates and Adam, and dropout masks.
//
// Each routine runs on the instruction set that [asm.ISA] names, with plain Go
// behind it. The two assembly sets agree bit for bit. The plain Go agrees
// with them within rounding, and bit for bit in [DropoutMask], [Max], [Max2],
// [Sum], [SumFloat64], [SumSquares], [Dot] and [Moments].
//
// The caller allocates everything; nothing here allocates or keeps a slice.
// Slices may have any length, 0 included, and any alignment. All slices of a
// call must have the same length unless its comment says otherwise, or it
// panics with a [*tensor.Error]. A destination may be one of the inputs, from
// the same first element; otherwise they must not overlap.
//
// An element's result depends on that element alone, never on its position or
// on the length of the slice, so a vector may be cut anywhere between threads.
// A reduction has a fixed order of additions: its result is a function of the
// data alone, but cutting the vector changes it.
//
// NaN gives NaN. Infinities give the limit of the function where it has one.
package vec
