// The kernel that runs: its blocks and threads.
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim.h"

struct Block;

enum { RUNNING = -1, SLEEPING = -2 };

struct Thread {
	Block *block;
	void *sp; // where it waits
	unsigned index; // in its block
	int at;         // the kind of meeting that it waits at, or RUNNING or SLEEPING
	unsigned mask;
	int source;
	unsigned long long value, result;
};

// Shared is one array of a block's shared memory. It is poisoned where its
// generation is not its block's.
struct Shared {
	const void *tag;
	void *p;
	size_t bytes;
	unsigned long long generation;
};

// Block is a block that runs. There is one at a time, but in a cooperative
// launch. Its memory serves further blocks and launches.
struct Block {
	sim_size3 index;
	unsigned started, finished, waiting; // numbers of threads
	unsigned long long generation;
	unsigned warp_waiting[MAX_THREADS / WARP_LANES], warp_finished[MAX_THREADS / WARP_LANES];
	std::vector<Thread> threads;
	std::vector<Shared> shared; // what this launch has used
	std::map<const void *, Memory> segments;
	Memory dynamic;
	unsigned long long dynamic_generation;
};

struct Run {
	const Launch *launch;
	const sim_kernel *kernel;
	unsigned threads; // of a block
	unsigned long long total, next; // blocks
	std::vector<Block *> blocks;
	size_t starting; // the block whose threads begin
	Thread *current;
	struct Stack *own; // of the work that begins
	void *scheduler;
	std::vector<Thread *> queue; // ring of those that can run
	size_t head, tail;
	std::vector<Thread *> sleeping;
	unsigned long long progress, seen; // ends and meetings; as of since
	double since;                      // seconds, since when all sleep

	volatile bool inside; // a kernel, as against the scheduler
	unsigned long thread; // of the host
	volatile int signal;  // that ended the kernel
	volatile unsigned long long address;
	const char *volatile access;
};

extern Run run;

bool is_stack_guard(const char *p);
void catch_signals();
// fail ends the kernel with a fault.
[[noreturn]] void fail(int code, const std::string &why);
std::string whereabouts(const Thread *t); // in words
std::string stuck();                      // why no thread can go on
void take_fault();                        // raises what a signal told
void wake(Thread *t);
void wait(Thread *t, int at);
bool prepare_shared(Block *b);

#endif
