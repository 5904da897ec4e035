//go:build !cgo || !linux

package cublastest

import "testing"

// Simulate skips the test: without cgo there is no such backend.
func Simulate(t testing.TB) {
	t.Helper()
	t.Skip("the backend cublas was built without cgo")
}
