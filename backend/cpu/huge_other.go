//go:build !linux

package cpu

// preferHuge has nothing to ask where large pages are no choice.
func preferHuge([]byte) {}
