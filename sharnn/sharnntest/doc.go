// Package sharnntest is the reference program's numbers as a test suite: whatever
// backend passes trains the model that the reference trains. The numbers are
// found as package golden says.
package sharnntest
