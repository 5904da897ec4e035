//go:build cgo && linux

#define _GNU_SOURCE
#include "control.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define FIND(name) ok = ok && (*(void **)&c->name = dlsym(library, #name))

sim_control *sim_open(const char *path, char **error) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	sim_control *c = calloc(1, sizeof *c);
	int ok = library && c;
	FIND(sim_fail);
	FIND(sim_calls);
	FIND(sim_handles);
	FIND(sim_bytes);
	FIND(sim_limit);
	FIND(sim_eager);
	FIND(sim_reverse);
	FIND(sim_patience);
	FIND(sim_message);
	FIND(sim_reset);
	if (ok)
		return c;
	*error = strdup(dlerror());
	free(c);
	return NULL;
}
