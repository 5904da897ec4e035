// Faults of kernels: the signal handlers leave the kernel for the scheduler.
// Signals from elsewhere go to the handlers that were there before, Go's.
#include "run.h"
#include "switch.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
static struct sigaction before[65];

// access_of tells reads from writes, where the processor does.
static const char *access_of(const void *context) {
#if defined(__x86_64__) && defined(REG_ERR)
	return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2 ? "write to" : "read of";
#else
	(void)context;
	return "access to";
#endif
}

static void pass_on(int number, siginfo_t *info, void *context) {
	const struct sigaction &old = before[number];
	if (old.sa_flags & SA_SIGINFO) {
		pthread_sigmask(SIG_SETMASK, &old.sa_mask, nullptr); // the return undoes it
		old.sa_sigaction(number, info, context);
	} else if (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN) {
		signal(number, SIG_DFL); // the instruction runs again, and ends the process
	} else {
		old.sa_handler(number);
	}
}

static void handle(int number, siginfo_t *info, void *context) {
	if (!run.inside || run.thread != (unsigned long)pthread_self()) {
		pass_on(number, info, context);
		return;
	}
	run.signal = number;
	run.address = (unsigned long long)info->si_addr;
	run.access = access_of(context);
	void *nowhere;
	sim_switch(&nowhere, run.scheduler);
}

// catch_signals makes ready for a kernel on this thread. The handlers stay; they
// block no signal, since one that ends a kernel never returns.
void catch_signals() {
	static bool done;
	run.thread = (unsigned long)pthread_self();
	if (done)
		return;
	done = true;
	struct sigaction s = {};
	s.sa_sigaction = handle;
	s.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigemptyset(&s.sa_mask);
	for (int number : caught)
		sigaction(number, &s, &before[number]);
}

void take_fault() {
	std::string where = run.current ? whereabouts(run.current) : std::string(run.kernel->name);
	switch (run.signal) {
	case SIGILL:
	case SIGTRAP:
		raise(MISALIGNED_ADDRESS, "misaligned address, " + where);
		return;
	case SIGFPE:
		raise(LAUNCH_FAILED, "division of an integer by zero, " + where);
		return;
	}
	if (is_stack_guard((const char *)run.address)) {
		raise(LAUNCH_FAILED, "the stack is full, " + where);
		return;
	}
	raise(ILLEGAL_ADDRESS, text("illegal %s %#llx, %s, %s", run.access, (unsigned long long)run.address, place_of(run.address).c_str(), where.c_str()));
}
