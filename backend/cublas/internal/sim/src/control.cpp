// What tests ask of the simulator and tell it. All names begin with sim_.
#include "sim.h"

#include <algorithm>
#include <string.h>

void free_handles() {
	free_modules();
	free_graphs();
	free_blas();
	free_dnn();
	while (!sim.handles[KIND_STREAM].empty())
		drop(KIND_STREAM, (CUstream)*sim.handles[KIND_STREAM].begin());
	while (!sim.handles[KIND_EVENT].empty())
		drop(KIND_EVENT, (CUevent)*sim.handles[KIND_EVENT].begin());
}

// sim_fail makes the nth next call of a kind fail, 0 none.
EXPORT void sim_fail(int point, unsigned long long n, int code) {
	std::lock_guard<std::mutex> lock(sim.mu);
	sim.points[point].left = n;
	sim.points[point].code = code;
}

// sim_calls counts the calls of a kind since sim_reset.
EXPORT unsigned long long sim_calls(int point) {
	std::lock_guard<std::mutex> lock(sim.mu);
	return sim.points[point].calls;
}

EXPORT unsigned long long sim_handles(int kind) {
	std::lock_guard<std::mutex> lock(sim.mu);
	return sim.handles[kind].size();
}

// sim_bytes fills in the bytes of device memory that are live and were at most,
// and those of pinned memory.
EXPORT void sim_bytes(unsigned long long *to) {
	std::lock_guard<std::mutex> lock(sim.mu);
	to[0] = sim.live, to[1] = sim.peak, to[2] = sim.held;
}

EXPORT void sim_limit(unsigned long long bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	sim.limit = std::max((size_t)bytes, sim.live);
}

EXPORT void sim_eager(int on) {
	std::lock_guard<std::mutex> lock(sim.mu);
	sim.eager = on;
}

EXPORT void sim_reverse(int on) {
	std::lock_guard<std::mutex> lock(sim.mu);
	reversed = on;
}

EXPORT void sim_patience(double s) {
	std::lock_guard<std::mutex> lock(sim.mu);
	patience = s;
}

// sim_message copies what is known of the last fault.
EXPORT void sim_message(char *to, size_t bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	strncpy(to, sim.message.c_str(), bytes - 1);
	to[bytes - 1] = 0;
}

// sim_reset frees all and forgets all that was asked for.
EXPORT void sim_reset() {
	std::lock_guard<std::mutex> lock(sim.mu);
	clear_streams();
	free_all();
	free_handles();
	while (!sim.handles[KIND_CONTEXT].empty())
		drop(KIND_CONTEXT, (CUcontext)*sim.handles[KIND_CONTEXT].begin());
	free_programs();
	sim.context = nullptr;
	sim.retained = sim.fault = 0;
	sim.message.clear();
	memset(sim.points, 0, sizeof sim.points);
	sim.limit = 2ull << 30;
	sim.peak = 0;
	sim.eager = false;
	reversed = 0;
	patience = 20;
}
