// Running kernels: the threads of a block one after another, each on the stack of
// the one before it as long as none waits. A thread that waits keeps its stack,
// and the next begins on another.
#include "run.h"
#include "switch.h"

#include <algorithm>
#include <string.h>
#include <sys/mman.h>

sim_size3 threadIdx, blockIdx, blockDim, gridDim;
int reversed;
double patience = 20;

Run run;

// Stack is a stack with a guard page below it. Stacks live as long as the process.
struct Stack {
	char *map;
	void *sp;
};

static const size_t STACK = 64 << 10, GUARD = 64 << 10; // whole pages of any machine
static std::vector<Stack *> &stacks = *new std::vector<Stack *>, &idle = *new std::vector<Stack *>;

bool is_stack_guard(const char *p) {
	for (Stack *s : stacks)
		if (p >= s->map && p < s->map + GUARD)
			return true;
	return false;
}

static void enter(Thread *t) {
	run.current = t;
	Block *b = t->block;
	blockIdx = b->index;
	unsigned i = t->index;
	if (blockDim.y == 1 && blockDim.z == 1)
		threadIdx = {i, 0, 0};
	else
		threadIdx = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
}

void wake(Thread *t) {
	t->at = RUNNING;
	run.queue[run.tail] = t;
	run.tail = run.tail + 1 == run.queue.size() ? 0 : run.tail + 1;
}

// leave goes on with a thread that can run, or where there is none with the
// scheduler.
static void leave(void **save) {
	if (run.head == run.tail) {
		sim_switch(save, run.scheduler);
		return;
	}
	Thread *t = run.queue[run.head];
	run.head = run.head + 1 == run.queue.size() ? 0 : run.head + 1;
	enter(t);
	sim_switch(save, t->sp);
}

static void begin_block(Block *b, unsigned long long number) {
	const sim_size3 &g = run.launch->grid;
	if (reversed)
		number = run.total - 1 - number;
	b->index = {(unsigned)(number % g.x), (unsigned)(number / g.x % g.y), (unsigned)(number / g.x / g.y)};
	b->started = b->finished = b->waiting = 0;
	b->generation++;
	memset(b->warp_waiting, 0, sizeof b->warp_waiting);
	memset(b->warp_finished, 0, sizeof b->warp_finished);
}

// startable is the block whose next thread can begin, or null.
static Block *startable() {
	for (;;) {
		Block *b = run.blocks[run.starting];
		if (b->started < run.threads)
			return b;
		if (run.launch->cooperative) {
			if (run.starting + 1 == run.total)
				return nullptr;
			run.starting++;
			continue;
		}
		if (b->finished < run.threads || run.next == run.total)
			return nullptr;
		begin_block(b, run.next++);
	}
}

static void run_thread(Block *b) {
	unsigned i = b->started++;
	if (reversed)
		i = run.threads - 1 - i;
	Thread *t = &b->threads[i];
	t->at = RUNNING;
	enter(t);
	run.kernel->invoke(run.launch->arguments.data());
	t = run.current; // the same thread, which may have waited
	b = t->block;
	b->finished++;
	b->warp_finished[t->index / WARP_LANES] |= 1u << t->index % WARP_LANES;
	run.progress++;
}

// work is what each stack runs.
static void work() {
	Stack *own = run.own;
	for (;;) {
		Block *b;
		while (run.head == run.tail && (b = startable()))
			run_thread(b);
		idle.push_back(own);
		leave(&own->sp);
	}
}

static Stack *take_stack() {
	if (idle.empty()) {
		char *map = (char *)mmap(nullptr, GUARD + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (map == MAP_FAILED)
			return nullptr;
		mprotect(map, GUARD, PROT_NONE);
		Stack *s = new Stack{map, sim_prepare(map + GUARD + STACK, work)};
		stacks.push_back(s);
		return s;
	}
	Stack *s = idle.back();
	idle.pop_back();
	return s;
}

// wait stops the running thread until another wakes it.
void wait(Thread *t, int at) {
	t->at = at;
	leave(&t->sp);
}

void sim_sleep() {
	Thread *t = run.current;
	run.sleeping.push_back(t);
	wait(t, SLEEPING);
}

void fail(int code, const std::string &why) {
	raise(code, why + ", " + whereabouts(run.current));
	void *nowhere;
	sim_switch(&nowhere, run.scheduler);
	__builtin_unreachable();
}

void sim_trap() { fail(LAUNCH_FAILED, "trap"); }

// awake lets the sleeping threads look again; false where they have done nothing
// else for too long.
static bool awake() {
	double now = seconds();
	if (run.progress != run.seen || run.since == 0)
		run.seen = run.progress, run.since = now;
	for (Thread *t : run.sleeping)
		wake(t);
	run.sleeping.clear();
	return now - run.since < patience;
}

// schedule runs the kernel to its end or to a fault.
static void schedule() {
	while (!sim.fault) {
		if (run.head != run.tail || startable()) {
			Stack *s = nullptr;
			Thread *t = nullptr;
			if (run.head != run.tail) {
				t = run.queue[run.head];
				run.head = run.head + 1 == run.queue.size() ? 0 : run.head + 1;
				enter(t);
			} else if (!(s = run.own = take_stack())) {
				raise(LAUNCH_FAILED, "the simulator is out of stacks");
				return;
			}
			run.inside = true;
			sim_switch(&run.scheduler, t ? t->sp : s->sp);
			run.inside = false;
			if (run.signal)
				take_fault();
		} else if (run.sleeping.empty()) {
			return;
		} else if (!awake()) {
			raise(LAUNCH_FAILED, stuck());
			return;
		}
	}
}

static Block *new_block() {
	Block *b = new Block();
	b->threads.resize(MAX_THREADS);
	for (unsigned i = 0; i < MAX_THREADS; i++)
		b->threads[i].block = b, b->threads[i].index = i;
	return b;
}

static bool set_up(const Launch &l) {
	run.launch = &l;
	run.kernel = l.f->kernel;
	gridDim = l.grid, blockDim = l.block;
	run.threads = l.block.x * l.block.y * l.block.z;
	run.total = (unsigned long long)l.grid.x * l.grid.y * l.grid.z;
	size_t resident = l.cooperative ? run.total : 1;
	while (run.blocks.size() < resident)
		run.blocks.push_back(new_block());
	if (run.queue.size() < resident * MAX_THREADS + 1)
		run.queue.resize(resident * MAX_THREADS + 1);
	run.head = run.tail = run.starting = 0;
	run.sleeping.clear();
	run.signal = 0;
	run.progress = run.seen = 0;
	run.since = 0;
	run.current = nullptr;
	for (run.next = 0; run.next < resident; run.next++) {
		begin_block(run.blocks[run.next], run.next);
		if (!prepare_shared(run.blocks[run.next]))
			return false;
	}
	return true;
}

static bool all_finished() {
	size_t resident = run.launch->cooperative ? run.total : 1;
	for (size_t i = 0; i < resident; i++)
		if (run.blocks[i]->finished < run.threads)
			return false;
	return run.next == run.total;
}

int execute(const Launch &l) {
	if (int code = fails(POINT_FAULT))
		return raise(code, "kernel " + std::string(l.f->kernel->name) + " was asked to fail");
	catch_signals();
	if (!set_up(l))
		return raise(LAUNCH_FAILED, "the simulator is out of memory");
	schedule();
	size_t fixed = 0;
	for (const Shared &s : run.blocks[0]->shared)
		fixed += s.bytes;
	l.f->fixed = std::max(l.f->fixed, fixed);
	if (!sim.fault && !all_finished())
		raise(LAUNCH_FAILED, stuck());
	if (sim.fault) { // what was on the stacks is lost
		idle = stacks;
		for (Stack *s : stacks)
			s->sp = sim_prepare(s->map + GUARD + STACK, work);
	}
	return sim.fault;
}
