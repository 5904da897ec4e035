//go:build linux

#include "nvrtc.h"

#include <stdlib.h>

const char *cuda_nvrtc_text(const cuda_table *t, nvrtcResult r) { return t->nvrtcGetErrorString(r); }

#define TRY(function, arguments) \
	do { \
		nvrtcResult r = t->function arguments; \
		if (r) { \
			c->call = #function; \
			return r; \
		} \
	} while (0)

static nvrtcResult read_log(const cuda_table *t, nvrtcProgram p, cuda_compiled *c) {
	size_t size;
	TRY(nvrtcGetProgramLogSize, (p, &size));
	c->log = calloc(size + 1, 1);
	TRY(nvrtcGetProgramLog, (p, c->log));
	return 0;
}

static nvrtcResult read_image(const cuda_table *t, nvrtcProgram p, cuda_compiled *c) {
	TRY(nvrtcGetCUBINSize, (p, &c->size));
	c->image = malloc(c->size);
	TRY(nvrtcGetCUBIN, (p, c->image));
	return 0;
}

// A program that does not compile has a log as well.
nvrtcResult cuda_compile(const cuda_table *t, const char *name, const char *source, int n, const char *const *options, cuda_compiled *c) {
	nvrtcProgram p;
	TRY(nvrtcCreateProgram, (&p, source, name, 0, NULL, NULL));
	nvrtcResult compiled = t->nvrtcCompileProgram(p, n, options);
	nvrtcResult r = read_log(t, p, c);
	if (compiled) {
		c->call = "nvrtcCompileProgram";
		r = compiled;
	} else if (!r) {
		r = read_image(t, p, c);
	}
	t->nvrtcDestroyProgram(&p);
	return r;
}
