// Modules, their functions, and launches.
#include "module.h"

#include <algorithm>
#include <string.h>

struct CUmod_st {
	const sim_module *module;
	std::map<std::string, CUfunc_st *> functions;
};

static std::set<const CUfunc_st *> &functions = *new std::set<const CUfunc_st *>;

const sim_module *module_of(unsigned long long length, unsigned long long hash) {
	for (const sim_module *const *m = sim_modules; *m; m++)
		if ((*m)->length == length && (*m)->hash == hash)
			return *m;
	return nullptr;
}

EXPORT CUresult cuModuleLoadData(CUmodule *to, const void *data) {
	BEGIN;
	if (refuse_in_capture())
		return CAPTURE_UNSUPPORTED;
	if (int code = fails(POINT_MODULE))
		return code;
	if (!data || memcmp(data, MAGIC, sizeof MAGIC))
		return INVALID_IMAGE;
	Image image;
	memcpy(&image, data, sizeof image);
	if (image.arch / 10 != CAPABILITY / 10 || image.arch > CAPABILITY)
		return NO_BINARY_FOR_GPU;
	const sim_module *m = module_of(image.length, image.hash);
	if (!m)
		return INVALID_IMAGE;
	*to = keep(KIND_MODULE, new CUmod_st());
	(*to)->module = m;
	return OK;
}

static void forget(CUmodule m) {
	for (auto &f : m->functions) {
		functions.erase(f.second);
		delete f.second;
	}
	drop(KIND_MODULE, m);
}

EXPORT CUresult cuModuleUnload(CUmodule m) {
	BEGIN;
	if (!known(KIND_MODULE, m))
		return INVALID_HANDLE;
	int code = drain_all();
	forget(m);
	return code;
}

void free_modules() {
	while (!sim.handles[KIND_MODULE].empty())
		forget((CUmodule)*sim.handles[KIND_MODULE].begin());
}

EXPORT CUresult cuModuleGetFunction(CUfunction *to, CUmodule m, const char *name) {
	BEGIN;
	if (!known(KIND_MODULE, m))
		return INVALID_HANDLE;
	if (int code = fails(POINT_FUNCTION))
		return code;
	CUfunc_st *&f = m->functions[name];
	if (!f) {
		const sim_kernel *k = m->module->kernels;
		while (k->name && strcmp(k->name, name))
			k++;
		if (!k->name) {
			m->functions.erase(name);
			return NOT_FOUND;
		}
		f = new CUfunc_st{m->module, k, SHARED_DEFAULT, 0};
		functions.insert(f);
	}
	*to = f;
	return OK;
}

enum { ATTRIBUTE_MAX_THREADS = 0, ATTRIBUTE_SHARED = 1, ATTRIBUTE_MAX_DYNAMIC = 8 };

EXPORT CUresult cuFuncSetAttribute(CUfunction f, int attribute, int value) {
	BEGIN;
	if (!functions.count(f))
		return INVALID_HANDLE;
	if (attribute != ATTRIBUTE_MAX_DYNAMIC || value < 0 || (size_t)value + f->fixed > SHARED_OPTIN)
		return INVALID_VALUE;
	f->dynamic = (size_t)value;
	return OK;
}

EXPORT CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction f) {
	BEGIN;
	if (!functions.count(f))
		return INVALID_HANDLE;
	switch (attribute) {
	case ATTRIBUTE_MAX_THREADS:
		*value = f->kernel->bounds ? (int)f->kernel->bounds : MAX_THREADS;
		return OK;
	case ATTRIBUTE_SHARED:
		*value = (int)f->fixed;
		return OK;
	case ATTRIBUTE_MAX_DYNAMIC:
		*value = (int)f->dynamic;
		return OK;
	}
	return INVALID_VALUE;
}

// occupancy is how many blocks a multiprocessor runs at a time. Registers are not
// simulated.
static int occupancy(const CUfunc_st *f, unsigned threads, size_t dynamic) {
	size_t shared = dynamic + f->fixed;
	if (threads == 0 || threads > MAX_THREADS || shared > SHARED_OPTIN)
		return 0;
	unsigned warps = (threads + WARP_LANES - 1) / WARP_LANES;
	size_t n = std::min<size_t>(BLOCKS_PER_SM, THREADS_PER_SM / (warps * WARP_LANES));
	return (int)std::min(n, SHARED_PER_SM / (shared + SHARED_RESERVED));
}

EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction f, int threads, size_t dynamic) {
	BEGIN;
	if (!functions.count(f))
		return INVALID_HANDLE;
	if (threads <= 0)
		return INVALID_VALUE;
	*blocks = occupancy(f, (unsigned)threads, dynamic);
	return OK;
}

// launchable is 0, or why a launch is refused.
static int launchable(const Launch &l) {
	const sim_size3 &g = l.grid, &b = l.block;
	unsigned long long threads = (unsigned long long)b.x * b.y * b.z;
	if (g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535)
		return INVALID_VALUE;
	if (b.x > 1024 || b.y > 1024 || b.z > 64 || threads == 0 || threads > MAX_THREADS)
		return INVALID_VALUE;
	if (l.f->kernel->bounds && threads > l.f->kernel->bounds)
		return INVALID_VALUE;
	if (l.dynamic > l.f->dynamic || l.dynamic + l.f->fixed > SHARED_OPTIN)
		return INVALID_VALUE;
	unsigned long long blocks = (unsigned long long)g.x * g.y * g.z;
	if (l.cooperative && blocks > (unsigned long long)occupancy(l.f, (unsigned)threads, l.dynamic) * SMS)
		return COOPERATIVE_LAUNCH_TOO_LARGE;
	return OK;
}

static int launch(Launch l, CUstream s, void **parameters) {
	if (!functions.count(l.f))
		return INVALID_HANDLE;
	if (int code = stream_ready(s))
		return code;
	if (int code = fails(POINT_LAUNCH))
		return code;
	if (int code = launchable(l))
		return code;
	for (int i = 0; l.f->kernel->sizes[i]; i++) {
		size_t at = l.arguments.size(), bytes = l.f->kernel->sizes[i];
		l.arguments.resize(at + (bytes + 7) / 8);
		memcpy(&l.arguments[at], parameters[i], bytes);
	}
	std::string form = text("%s%s", l.f->kernel->name, l.cooperative ? " cooperative" : "");
	return enqueue(s, {Op::LAUNCH, form, nullptr, [l]() {
		return functions.count(l.f) ? execute(l) : raise(LAUNCH_FAILED, "a graph has a kernel whose module was unloaded");
	}});
}

EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **parameters, void **extra) {
	BEGIN;
	if (extra)
		return NOT_SUPPORTED;
	return launch({f, {gx, gy, gz}, {bx, by, bz}, shared, false, {}}, s, parameters);
}

EXPORT CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream s, void **parameters) {
	BEGIN;
	return launch({f, {gx, gy, gz}, {bx, by, bz}, shared, true, {}}, s, parameters);
}
