// Images of modules, as the simulated compiler makes them.
#ifndef SIM_MODULE_H
#define SIM_MODULE_H

#include "sim.h"

// modules are the files of kernels that were compiled in; null ends.
extern const sim_module *const sim_modules[];

struct Image {
	char magic[8];
	unsigned long long arch, length, hash; // of the source
	char name[64];
};

const char MAGIC[8] = {'T', 'I', 'L', 'L', 'E', 'R', 'S', '1'};

const sim_module *module_of(unsigned long long length, unsigned long long hash);

#endif
