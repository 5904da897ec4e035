// Package autograd is reverse-mode differentiation over tensors: a table of
// operations, a tape that records their application, and [Tape.Grad].
//
// Functions such as [Add] and [LSTM] apply an [Op] to [Var]s of one [Tape] and
// record it. The tape owns every result: Grad frees each as the backward pass
// leaves it behind, [Tape.Free] frees what is left, and [Keep] takes a value
// out, to carry it to the next step. Tensors put on the tape with [Tape.Leaf]
// stay the caller's; gradients flow to those that the tape was told to track,
// and Grad computes only what lies on a path to the tensors asked for.
//
// Shapes are checked here, once, for every backend: a misfit panics with a
// [*tensor.Error] that names the op and all shapes. A tracked operand of an op
// without a gradient panics with the op's name.
//
// An op is one [Op] value in one of the files op_*.go: its shape rule, its
// computation, its gradient rule, its plain form where it is fused, and the
// cases that its tests run. [Ops] is the table of all of them. [Recompute] trades
// time for memory with any function of Vars.
package autograd
