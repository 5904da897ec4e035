// The simulator's own functions, as the library exports them.
#ifndef TILLER_SIM_CONTROL_H
#define TILLER_SIM_CONTROL_H

#include <stddef.h>

typedef struct {
	void (*sim_fail)(int point, unsigned long long n, int code);
	unsigned long long (*sim_calls)(int point);
	unsigned long long (*sim_handles)(int kind);
	void (*sim_bytes)(unsigned long long *to);
	void (*sim_limit)(unsigned long long bytes);
	void (*sim_eager)(int on);
	void (*sim_reverse)(int on);
	void (*sim_patience)(double seconds);
	void (*sim_message)(char *to, size_t bytes);
	void (*sim_reset)(void);
} sim_control;

// sim_open opens the library; NULL and *error (to be freed) where it cannot.
sim_control *sim_open(const char *path, char **error);

#endif
