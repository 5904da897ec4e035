// Package shalm makes a SHA-RNN a language model that steering can move: a
// thin adapter between packages sharnn and pplm, which do not know each other.
//
// What moves is, by block, the LSTM's h and c, which belong to no position, and
// the attention's memory of rows. A state owns its tensors; its rows lie one
// after the other with room behind them, so that a Step copies nothing and a
// Keep copies the rows of that Step.
//
// Shapes that do not fit and states that were freed are the caller's mistakes
// and panic with a [*tensor.Error].
package shalm
