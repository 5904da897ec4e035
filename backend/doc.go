// Package backend is the seam between tensors and the machines that compute
// them: the [Backend] contract, a registry of backends by name, and the
// optional abilities (fused kernels) that a backend may have.
//
// Kernels write into a destination that the caller allocated. They trust the
// caller: shapes and dtypes are checked above (in autograd), never here. A
// destination may be the same tensor as an input of an elementwise kernel, and
// must not otherwise overlap one. Inputs may be any views; destinations may be
// any views without repeated elements.
//
// What the caller could not have known is an error: Alloc, Write, Read and
// Sync return one. A device's first fault is kept: later kernels do nothing,
// and Read and Sync return it.
//
// Package backendtest is the contract as a test suite.
package backend
