//go:build !amd64 || noasm

package quant

// available returns the kernels this machine can run, the best first.
func available() []*kernels { return []*kernels{&generic} }
