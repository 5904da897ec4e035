// Switching between stacks. sim_switch saves the running one's state and sets
// *from to it, then goes on with to.
#ifndef SIM_SWITCH_H
#define SIM_SWITCH_H

#include "kernel.h"

SIM_INTERNAL void sim_switch(void **from, void *to);

// sim_prepare makes a stack that ends at top one that begins with a call of entry.
void *sim_prepare(char *top, void (*entry)());

#endif
