// Package nntest is the reference program's numbers of single layers as a test
// suite, for any backend. The numbers are found as package golden says.
package nntest
