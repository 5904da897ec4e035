// Where threads meet: barriers, what a warp does together, and shared memory.
#include "run.h"

#include <string.h>

static const char *const kinds[] = {
	"__syncthreads", "__syncthreads_count", "__syncwarp", "__ballot_sync", "__shfl_sync",
	"__shfl_up_sync", "__shfl_down_sync", "__shfl_xor_sync", "mma.sync"};

std::string whereabouts(const Thread *t) {
	const sim_size3 &b = t->block->index;
	return text("kernel %s, block (%u,%u,%u), thread %u", run.kernel->name, b.x, b.y, b.z, t->index);
}

static bool finished(const Thread *t) {
	return t->block->warp_finished[t->index / WARP_LANES] >> t->index % WARP_LANES & 1;
}

// stuck names a thread that waits, and what keeps it.
std::string stuck() {
	size_t resident = run.launch->cooperative ? run.total : 1;
	const Thread *waits = nullptr, *other = nullptr;
	for (size_t i = 0; i < resident && !waits; i++)
		for (unsigned j = 0; j < run.threads && !waits; j++)
			if (!finished(&run.blocks[i]->threads[j]))
				waits = &run.blocks[i]->threads[j];
	if (!waits)
		return "deadlock";
	if (waits->at < 0)
		return "deadlock: none but sleeping threads can run, " + whereabouts(waits);
	const Block *b = waits->block;
	for (unsigned j = 0; j < run.threads && !other; j++) {
		const Thread *t = &b->threads[j];
		if (finished(t) || t->at != waits->at || (t->at >= SIM_SYNC && t->mask != waits->mask))
			if (waits->at < SIM_SYNC || (t->index / WARP_LANES == waits->index / WARP_LANES && waits->mask >> t->index % WARP_LANES & 1))
				other = t;
	}
	std::string why = text("divergence: %s waits in %s", whereabouts(waits).c_str(), kinds[waits->at]);
	if (!other)
		return why;
	if (finished(other))
		return why + text(", thread %u has ended", other->index);
	return why + text(", thread %u is in %s", other->index, other->at < 0 ? "__nanosleep" : kinds[other->at]);
}

unsigned long long sim_barrier(int kind, unsigned long long value) {
	Thread *t = run.current;
	Block *b = t->block;
	t->value = value;
	if (++b->waiting < run.threads) {
		wait(t, kind);
		return t->result;
	}
	t->at = kind;
	unsigned long long sum = 0;
	for (unsigned i = 0; i < run.threads; i++) {
		if (b->threads[i].at != kind)
			fail(LAUNCH_FAILED, stuck());
		sum += b->threads[i].value;
	}
	b->waiting = 0;
	run.progress++;
	for (unsigned i = 0; i < run.threads; i++) {
		Thread *o = &b->threads[reversed ? run.threads - 1 - i : i];
		o->result = sum;
		if (o != t)
			wake(o);
	}
	t->at = RUNNING;
	return sum;
}

int sim_lane() { return run.current->index % WARP_LANES; }

static unsigned lanes_of(unsigned warp) {
	unsigned n = run.threads - warp * WARP_LANES;
	return n >= WARP_LANES ? ~0u : (1u << n) - 1;
}

unsigned sim_active() {
	unsigned warp = run.current->index / WARP_LANES;
	return lanes_of(warp) & ~run.current->block->warp_finished[warp];
}

static float half_of(unsigned word, int upper) {
	unsigned bits = upper ? word & 0xffff0000u : word << 16;
	float x;
	memcpy(&x, &bits, sizeof x);
	return x;
}

// multiply is mma.m16n8k16: lane 4*g+i holds rows g and g+8 of a and c, column g
// of b, and of the other dimension 2i, 2i+1, and for a and b those plus 8.
static void multiply(Thread *lane) {
	float a[16][16], b[16][8];
	for (int l = 0; l < WARP_LANES; l++) {
		const sim_fragments *f = (const sim_fragments *)(size_t)lane[l].value;
		int g = l / 4, i = l % 4 * 2;
		for (int r = 0; r < 4; r++)
			for (int h = 0; h < 2; h++)
				a[g + r % 2 * 8][i + r / 2 * 8 + h] = half_of(f->a[r], h);
		for (int r = 0; r < 2; r++)
			for (int h = 0; h < 2; h++)
				b[i + r * 8 + h][g] = half_of(f->b[r], h);
	}
	for (int l = 0; l < WARP_LANES; l++) {
		const sim_fragments *f = (const sim_fragments *)(size_t)lane[l].value;
		for (int r = 0; r < 4; r++) {
			int row = l / 4 + r / 2 * 8, column = l % 4 * 2 + r % 2;
			double sum = f->c[r];
			for (int k = 0; k < 16; k++)
				sum += (double)a[row][k] * b[k][column];
			f->c[r] = (float)sum;
		}
	}
}

// resolve gives each of a warp's threads its result. What is read from a lane
// that takes no part is poison.
static void resolve(Thread *lane, int kind, unsigned there) {
	unsigned ballot = 0;
	if (kind == SIM_BALLOT)
		for (int l = 0; l < WARP_LANES; l++)
			if (there >> l & 1 && lane[l].value)
				ballot |= 1u << l;
	if (kind == SIM_MMA_BF16) {
		if (there != ~0u)
			fail(LAUNCH_FAILED, "mma.sync by less than a warp");
		multiply(lane);
	}
	for (int l = 0; l < WARP_LANES; l++)
		if (there >> l & 1) {
			int from = lane[l].source;
			lane[l].result = kind == SIM_BALLOT ? ballot : there >> from & 1 ? lane[from].value : ~0ull;
		}
}

unsigned long long sim_warp(int kind, unsigned mask, unsigned long long value, int source) {
	Thread *t = run.current;
	Block *b = t->block;
	unsigned warp = t->index / WARP_LANES, me = 1u << t->index % WARP_LANES;
	if (!(mask & me))
		fail(LAUNCH_FAILED, text("%s with mask %#x, which lacks the thread itself", kinds[kind], mask));
	t->mask = mask, t->value = value, t->source = source, t->at = kind;
	b->warp_waiting[warp] |= me;
	Thread *lane = &b->threads[warp * WARP_LANES];
	unsigned there = mask & lanes_of(warp);
	bool all = (b->warp_waiting[warp] & there) == there;
	for (int l = 0; l < WARP_LANES && all; l++)
		if (there >> l & 1)
			all = lane[l].at == kind && lane[l].mask == mask;
	if (!all) {
		wait(t, kind);
		return t->result;
	}
	resolve(lane, kind, there);
	b->warp_waiting[warp] &= ~there;
	run.progress++;
	for (int i = 0; i < WARP_LANES; i++) {
		int l = reversed ? WARP_LANES - 1 - i : i;
		if (there >> l & 1 && &lane[l] != t)
			wake(&lane[l]);
	}
	t->at = RUNNING;
	return t->result;
}

// prepare_shared makes a block ready for a launch.
bool prepare_shared(Block *b) {
	b->shared.clear();
	if (!b->dynamic.map)
		b->dynamic = guarded(SHARED_OPTIN);
	return b->dynamic.map;
}

static void *touch(Shared &s, unsigned long long generation) {
	if (s.generation != generation) {
		s.generation = generation;
		memset(s.p, 0xff, s.bytes);
	}
	return s.p;
}

void *sim_shared(const void *tag, size_t bytes) {
	Block *b = run.current->block;
	for (Shared &s : b->shared)
		if (s.tag == tag)
			return touch(s, b->generation);
	size_t sum = bytes;
	for (Shared &s : b->shared)
		sum += s.bytes;
	if (sum > SHARED_DEFAULT || sum + run.launch->dynamic > SHARED_OPTIN)
		fail(LAUNCH_FAILED, text("%zu bytes of static and %zu of dynamic shared memory", sum, run.launch->dynamic));
	Memory &m = b->segments[tag];
	if (!m.map && !(m = guarded(bytes)).map)
		fail(LAUNCH_FAILED, "the simulator is out of memory");
	b->shared.push_back({tag, (void *)start_of(m), bytes, 0});
	return touch(b->shared.back(), b->generation);
}

void *sim_dynamic() {
	Block *b = run.current->block;
	size_t bytes = (run.launch->dynamic + 15) / 16 * 16;
	char *p = (char *)start_of(b->dynamic) + b->dynamic.bytes - bytes;
	if (b->dynamic_generation != b->generation) {
		b->dynamic_generation = b->generation;
		memset(p, 0xff, bytes);
	}
	return p;
}
