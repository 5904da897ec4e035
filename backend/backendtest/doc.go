// Package backendtest is the backend contract as a test suite. A backend's own
// tests call [Run]; whatever passes can stand in for any other backend.
//
// Every kernel is compared with a naive float64 loop of this package over views
// of all kinds: dense, sliced, padded, strided, permuted, broadcast, empty and
// of rank 0. A destination lies in a larger buffer whose other elements must
// stay as they were. Tolerances are relative to max(1, |want|), and are stated
// beside each case. Random numbers must agree bit for bit.
//
// The optional abilities are found by type assertion; those that the backend
// lacks are skipped.
package backendtest
