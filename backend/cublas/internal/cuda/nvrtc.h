#ifndef TILLER_CUDA_NVRTC_H
#define TILLER_CUDA_NVRTC_H

#include "api.h"

// cuda_compiled is what a compilation leaves: the image and the log, both to be
// freed, may be NULL.
typedef struct {
	char *image;
	size_t size;
	char *log;
	const char *call; // the function that failed
} cuda_compiled;

nvrtcResult cuda_compile(const cuda_table *t, const char *name, const char *source, int n, const char *const *options, cuda_compiled *c);
const char *cuda_nvrtc_text(const cuda_table *t, nvrtcResult r);

#endif
