// Package cublas computes on an NVIDIA GPU: products by cuBLAS, LSTMs by cuDNN or
// a kernel of our own, everything else by kernels of our own. Importing it
// registers the backend "cublas".
//
// Every build has it. NVIDIA's libraries are opened when a backend is, and where
// they or the GPU are missing [New] returns an error that lists what was tried;
// built without cgo, it says so.
//
// Kernels are queued on one stream and return before they are done; Read and
// Sync wait. Memory comes from a cache over the driver's, whose sizes are rounded
// up by a quarter at most; nothing has a finalizer. Methods may be called by
// several goroutines; they take turns.
//
// A fault of the device is kept: later kernels do nothing, and Read, Write, Sync
// and Close return it. Having no memory left is no fault: Alloc returns an
// [*OutOfMemory], kernels that need working memory panic with a *tensor.Error
// that wraps one, and the backend can be used on.
//
// Results are the same bits each time on one device, with one set of libraries
// and one set of choices (see backend.Chooser).
package cublas
