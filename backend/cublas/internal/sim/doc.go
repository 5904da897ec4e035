// Package sim builds a simulated GPU for tests: a shared library that exports
// NVIDIA's functions under their own names, so that the loader of package cuda
// opens it as libcuda, libnvrtc, libcublas and libcudnn. The kernels of package
// kernels are compiled into it as C++.
//
// A test calls [Open], loads the libraries at [Machine.Paths], and asks the
// [Machine] for failures, counts and leaks. There is one machine in a process:
// tests that share it do not run in parallel, and each begins with Reset. Where
// there is no C++ compiler, Open returns [ErrNoCompiler] and tests skip.
// Objects and libraries are kept in the user's cache folder by the hash of all
// that they are made of.
//
// # What is simulated
//
// Time: work waits in its stream until the host waits for it (by synchronizing, by
// freeing device memory, by copying from memory that is not pinned), so that a
// result read too early is an old one and a staging buffer used again too early
// spoils the copy. [Machine.Eager] undoes this, for debugging.
//
// Memory: blocks end at a page without access, up to 16 bytes of alignment, and
// freed ones have no access at all: a kernel that leaves its block makes the
// fault 700. Bytes just outside a block are compared when it is freed. New memory,
// and shared memory at the start of each block of threads, is NaN. Two tensors
// within one block are not kept apart. An address that is not aligned for its type
// makes the fault 716.
//
// Faults stick, as a GPU's: each call but those about errors returns them, until
// the context is released. The text of the error goes on with the kernel, block
// and thread, which [Machine.Message] tells too. Releasing a context that failed
// frees what it held; what a sound one leaves stays, as a leak.
//
// Threads: those of a block run in turn, until each ends or waits. All of a block
// must come to the same kind of barrier, and those of a mask to the same kind of
// warp function with the same mask; a thread that has ended, or waits elsewhere,
// makes the fault 719, as do a deadlock, a trap, an integer division by zero and a
// full stack (64 KiB). This is stricter than a GPU, where threads that have ended
// need not come to a barrier. A shuffle from a lane that takes no part gives bytes
// of 0xff. [Machine.Reverse] runs threads and blocks in the opposite order: where
// results differ there is a race. Blocks run one after another; those of a
// cooperative launch all live at once. A thread that waits for memory to change
// calls __nanosleep, else the simulation hangs.
//
// Launches are refused as a GPU of capability 9.0 refuses them, with 4
// multiprocessors and 227 KiB of shared memory for a block that asks for it.
// Registers have no limit.
//
// NVRTC: a source compiles if it is, byte for byte, one that was built in, and a
// C++ compiler compiled it; else the log says why. Options are checked.
//
// Graphs: a capture refuses what would wait or allocate, whatever its mode, and
// events; an update refuses another sequence of kernels, products or passes. The
// sizes of a product or pass must stay, those of copies and grids need not.
//
// cuBLAS: the product cublasGemmStridedBatchedEx for float32, tf32, float64 and
// bfloat16. Sums are taken over 256 terms in the order of k, then over these, in
// float32, or float64 for float64. Each factor and the result must lie in one
// block of memory.
//
// cuDNN: the LSTM of one layer in one direction, in float32 and with two biases,
// over sequences of one length; all else is not supported. Its reserve space must
// stay as it is between the passes, and the passes come in their order.
//
// # What is not
//
// Caches, the weak order of memory between threads, and warps that run in
// lockstep: code that lacks a fence, or __syncwarp, may pass. Threads switch only
// where they wait. Arithmetic is the host's: no fused multiply-add, conversions of
// floats beyond an integer's range do not saturate, and the mathematical
// functions are the C library's. Other streams than those tests make, peer access,
// textures and PTX do not exist.
package sim
