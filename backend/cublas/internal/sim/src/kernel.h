// What kernels and the engine that runs them have in common.
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include <stddef.h>

struct sim_size3 {
	unsigned x, y, z;
};

// The kinds of meeting of a block's or a warp's threads. Those that meet must be
// of one kind.
enum {
	SIM_BARRIER,
	SIM_BARRIER_COUNT,
	SIM_SYNC,
	SIM_BALLOT,
	SIM_SHUFFLE,
	SIM_SHUFFLE_UP,
	SIM_SHUFFLE_DOWN,
	SIM_SHUFFLE_XOR,
	SIM_MMA_BF16,
};

// One thread's part of a warp's matrix product.
struct sim_fragments {
	float *c;
	const unsigned *a, *b;
};

struct sim_kernel {
	const char *name;
	void (*invoke)(const void *arguments); // each argument begins a word of 8 bytes
	const unsigned *sizes;                 // of the arguments; 0 ends
	unsigned bounds;                       // most threads of a block, or 0
};

// One file of kernels. length and hash are those of its source.
struct sim_module {
	const char *name;
	unsigned long long length, hash;
	const sim_kernel *kernels; // one without a name ends
	const char *log;           // why it does not compile, or null
};

#define SIM_INTERNAL extern "C" __attribute__((visibility("hidden")))

SIM_INTERNAL unsigned long long sim_barrier(int kind, unsigned long long value);
SIM_INTERNAL unsigned long long sim_warp(int kind, unsigned mask, unsigned long long value, int source);
SIM_INTERNAL int sim_lane();
SIM_INTERNAL unsigned sim_active();
SIM_INTERNAL void sim_sleep();
SIM_INTERNAL void sim_trap();
SIM_INTERNAL void *sim_shared(const void *tag, size_t bytes);
SIM_INTERNAL void *sim_dynamic();

#endif
