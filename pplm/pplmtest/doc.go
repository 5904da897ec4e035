// Package pplmtest is the reference program's numbers of PPLM and of its language
// model as a test suite, for any backend: forward passes and gradients of GPT-2,
// perturbed pasts, texts token by token. The numbers are found as package golden
// says.
package pplmtest
