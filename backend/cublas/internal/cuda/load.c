//go:build linux

#define _GNU_SOURCE
#include "load.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

void *cuda_open(const char *path, int part, char **error) {
	void *library = dlopen(path, part ? RTLD_LAZY | RTLD_GLOBAL : RTLD_NOW);
	*error = library ? NULL : strdup(dlerror());
	return library;
}

void cuda_close(void *library) { dlclose(library); }

const char *cuda_where(void *library) {
	struct link_map *map;
	return dlinfo(library, RTLD_DI_LINKMAP, &map) ? "" : map->l_name;
}

// CUDA 13's headers call the second form of cuEventElapsedTime by the first
// one's name; a driver that drops the first has the second, of the same type.
static void *find(void *library, const char *name) {
	void *f = dlsym(library, name);
	if (!f && strcmp(name, "cuEventElapsedTime") == 0)
		f = dlsym(library, "cuEventElapsedTime_v2");
	return f;
}

#define FILL(result, name, parameters) \
	if (!(*(void **)&t->name = find(library, #name))) \
		return #name;

const char *cuda_fill_driver(void *library, cuda_table *t) {
	DRIVER_FUNCTIONS(FILL)
	return NULL;
}

const char *cuda_fill_nvrtc(void *library, cuda_table *t) {
	NVRTC_FUNCTIONS(FILL)
	return NULL;
}

const char *cuda_fill_cublas(void *library, cuda_table *t) {
	CUBLAS_FUNCTIONS(FILL)
	return NULL;
}

const char *cuda_fill_cudnn(void *library, cuda_table *t) {
	CUDNN_FUNCTIONS(FILL)
	t->cudnn = 1;
	return NULL;
}

int cuda_driver_version(const cuda_table *t) {
	int v;
	return t->cuDriverGetVersion(&v) ? 0 : v;
}

int cuda_nvrtc_version(const cuda_table *t) {
	int major, minor;
	return t->nvrtcVersion(&major, &minor) ? 0 : 1000 * major + 10 * minor;
}

size_t cuda_dnn_version(const cuda_table *t) { return t->cudnnGetVersion(); }

int cuda_blas_version(void *library, int v[3]) {
	cublasStatus_t (*get)(int, int *);
	if (!(*(void **)&get = dlsym(library, "cublasGetProperty")))
		return 1;
	for (int part = 0; part < 3; part++) {
		if (get(part, v + part))
			return 1;
	}
	return 0;
}

int cuda_dnn_built_for(void *library) {
	size_t (*get)(void);
	return (*(void **)&get = dlsym(library, "cudnnGetCudartVersion")) ? (int)get() : 0;
}
