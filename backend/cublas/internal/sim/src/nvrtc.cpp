// NVRTC: it compiles nothing, but knows the sources that were compiled in.
#include "module.h"

#include <stdlib.h>
#include <string.h>

enum {
	NVRTC_OK = 0,
	NVRTC_INVALID_INPUT = 3,
	NVRTC_INVALID_PROGRAM = 4,
	NVRTC_INVALID_OPTION = 5,
	NVRTC_COMPILATION = 6,
};

struct nvrtcProgram_st {
	std::string source, name, log;
	bool compiled;
	Image image;
};

EXPORT nvrtcResult nvrtcVersion(int *major, int *minor) {
	*major = 13, *minor = 0;
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcCreateProgram(nvrtcProgram *p, const char *source, const char *name, int headers, const char *const *, const char *const *) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!source || headers != 0)
		return NVRTC_INVALID_INPUT;
	*p = keep(KIND_PROGRAM, new nvrtcProgram_st());
	(*p)->source = source;
	(*p)->name = name ? name : "";
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcDestroyProgram(nvrtcProgram *p) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!p || !drop(KIND_PROGRAM, *p))
		return NVRTC_INVALID_PROGRAM;
	*p = nullptr;
	return NVRTC_OK;
}

// value_of is what follows a prefix, or null.
static const char *value_of(const char *option, const char *prefix) {
	size_t n = strlen(prefix);
	return strncmp(option, prefix, n) ? nullptr : option + n;
}

static unsigned long long real_architecture(const char *value) {
	static const int known[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};
	const char *number = value_of(value, "sm_");
	for (int k : known)
		if (number && (number == std::to_string(k) || number == std::to_string(k) + "a"))
			return (unsigned long long)k;
	return 0;
}

static bool harmless(const char *option) {
	static const char *const prefixes[] = {"--std=", "-std=", "-lineinfo", "--generate-line-info", "--fmad=", "-fmad=", "-D",
		"--define-macro=", "--use_fast_math", "-use_fast_math", "--maxrregcount=", "--ftz=", "--prec-div=", "--prec-sqrt=",
		"--extra-device-vectorization", "--diag-suppress=", "-default-device", "--restrict", "-restrict"};
	for (const char *p : prefixes)
		if (value_of(option, p))
			return true;
	return false;
}

static int read_options(nvrtcProgram p, int n, const char *const *options) {
	for (int i = 0; i < n; i++) {
		const char *arch = value_of(options[i], "--gpu-architecture=");
		if (!arch)
			arch = value_of(options[i], "-arch=");
		if (arch)
			p->image.arch = real_architecture(arch);
		if (arch ? !p->image.arch : !harmless(options[i])) {
			p->log = text("simulator: option %s is not known, or makes no image", options[i]);
			return NVRTC_INVALID_OPTION;
		}
	}
	if (!p->image.arch) {
		p->log = "simulator: no --gpu-architecture=sm_NN, so there would be no image";
		return NVRTC_INVALID_OPTION;
	}
	return NVRTC_OK;
}

static unsigned long long hash_of(const std::string &s) { // FNV-1a
	unsigned long long h = 0xcbf29ce484222325ull;
	for (unsigned char c : s)
		h = (h ^ c) * 0x100000001b3ull;
	return h;
}

EXPORT nvrtcResult nvrtcCompileProgram(nvrtcProgram p, int n, const char *const *options) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_PROGRAM, p))
		return NVRTC_INVALID_PROGRAM;
	p->image = Image();
	p->compiled = false;
	if (int code = read_options(p, n, options))
		return code;
	if (int code = fails(POINT_COMPILE)) {
		p->log = "simulator: this compilation was asked to fail";
		return code;
	}
	const sim_module *m = module_of(p->source.size(), hash_of(p->source));
	if (!m) {
		p->log = text("%s: simulator: this is none of the sources that were compiled in:", p->name.c_str());
		for (const sim_module *const *i = sim_modules; *i; i++)
			p->log += std::string(" ") + (*i)->name;
		return NVRTC_COMPILATION;
	}
	if (m->log) {
		p->log = m->log;
		return NVRTC_COMPILATION;
	}
	memcpy(p->image.magic, MAGIC, sizeof MAGIC);
	p->image.length = m->length, p->image.hash = m->hash;
	strncpy(p->image.name, m->name, sizeof p->image.name - 1);
	p->compiled = true;
	p->log.clear();
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcGetCUBINSize(nvrtcProgram p, size_t *bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_PROGRAM, p) || !p->compiled)
		return NVRTC_INVALID_PROGRAM;
	*bytes = sizeof p->image;
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcGetCUBIN(nvrtcProgram p, char *image) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_PROGRAM, p) || !p->compiled)
		return NVRTC_INVALID_PROGRAM;
	memcpy(image, &p->image, sizeof p->image);
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram p, size_t *bytes) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_PROGRAM, p))
		return NVRTC_INVALID_PROGRAM;
	*bytes = p->log.size() + 1;
	return NVRTC_OK;
}

EXPORT nvrtcResult nvrtcGetProgramLog(nvrtcProgram p, char *log) {
	std::lock_guard<std::mutex> lock(sim.mu);
	if (!known(KIND_PROGRAM, p))
		return NVRTC_INVALID_PROGRAM;
	memcpy(log, p->log.c_str(), p->log.size() + 1);
	return NVRTC_OK;
}

EXPORT const char *nvrtcGetErrorString(nvrtcResult code) {
	switch (code) {
	case NVRTC_OK:
		return "NVRTC_SUCCESS";
	case NVRTC_INVALID_INPUT:
		return "NVRTC_ERROR_INVALID_INPUT";
	case NVRTC_INVALID_PROGRAM:
		return "NVRTC_ERROR_INVALID_PROGRAM";
	case NVRTC_INVALID_OPTION:
		return "NVRTC_ERROR_INVALID_OPTION";
	case NVRTC_COMPILATION:
		return "NVRTC_ERROR_COMPILATION";
	}
	return "NVRTC_ERROR unknown";
}

void free_programs() {
	while (!sim.handles[KIND_PROGRAM].empty())
		drop(KIND_PROGRAM, (nvrtcProgram)*sim.handles[KIND_PROGRAM].begin());
}
