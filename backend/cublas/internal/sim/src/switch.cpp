#include "switch.h"

#if defined(__x86_64__) && !defined(SIM_UCONTEXT)

__asm__(R"(
	.text
	.globl sim_switch
	.hidden sim_switch
	.type sim_switch, @function
sim_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	.size sim_switch, .-sim_switch
)");

void *sim_prepare(char *top, void (*entry)()) {
	void **sp = (void **)top;
	*--sp = nullptr; // entry's caller; the stack is aligned as after a call
	*--sp = (void *)entry;
	for (int i = 0; i < 6; i++)
		*--sp = nullptr;
	return sp;
}

#elif defined(__aarch64__) && !defined(SIM_UCONTEXT)

__asm__(R"(
	.text
	.globl sim_switch
	.hidden sim_switch
	.type sim_switch, %function
sim_switch:
	sub sp, sp, #160
	stp x19, x20, [sp, #0]
	stp x21, x22, [sp, #16]
	stp x23, x24, [sp, #32]
	stp x25, x26, [sp, #48]
	stp x27, x28, [sp, #64]
	stp x29, x30, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	mov x9, sp
	str x9, [x0]
	mov sp, x1
	ldp x19, x20, [sp, #0]
	ldp x21, x22, [sp, #16]
	ldp x23, x24, [sp, #32]
	ldp x25, x26, [sp, #48]
	ldp x27, x28, [sp, #64]
	ldp x29, x30, [sp, #80]
	ldp d8, d9, [sp, #96]
	ldp d10, d11, [sp, #112]
	ldp d12, d13, [sp, #128]
	ldp d14, d15, [sp, #144]
	add sp, sp, #160
	ret
	.size sim_switch, .-sim_switch
)");

void *sim_prepare(char *top, void (*entry)()) {
	void **sp = (void **)top - 20;
	for (int i = 0; i < 20; i++)
		sp[i] = nullptr;
	sp[11] = (void *)entry; // x30
	return sp;
}

#else

#include <ucontext.h>

// A saved state lies on its own stack: sim_switch's frame holds it until it
// returns, sim_prepare puts it at the top.
void sim_switch(void **from, void *to) {
	ucontext_t here;
	*from = &here;
	swapcontext(&here, (ucontext_t *)to);
}

void *sim_prepare(char *top, void (*entry)()) {
	const size_t size = 32 << 10; // below the state, in stacks of 64 KiB
	ucontext_t *c = (ucontext_t *)(top - (sizeof(ucontext_t) + 63) / 64 * 64);
	getcontext(c);
	c->uc_stack.ss_sp = (char *)c - size;
	c->uc_stack.ss_size = size;
	c->uc_link = nullptr;
	makecontext(c, entry, 0);
	return c;
}

#endif
