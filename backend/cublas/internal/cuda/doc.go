// Package cuda calls NVIDIA's driver, NVRTC, cuBLAS and cuDNN, which it opens at
// run time: it is built without a toolkit, and says what it looked for where
// there is none.
//
// A [Device] has one stream, on which everything is queued in order; calls
// return before the work is done, but for Sync. A Device is not for concurrent
// use: its owner holds a lock. What the caller gets from Alloc and HostAlloc it
// frees. Nothing has a finalizer.
package cuda
