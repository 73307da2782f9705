/* sandbox: what this process may still do from now on: the system calls of a list, with arguments that are
 * looked at (seccomp), and files beneath one folder or none at all (Landlock). There is no way back.
 *
 * A call that the list does not allow is not made: the process tells its number and dies by SIGSYS. One of
 * another architecture (i386, x32) dies untold. The list is searched in its order; but the kernel remembers
 * which numbers are allowed whatever their arguments, and asks the filter for the others alone (since 5.11).
 *
 * Landlock also ends binding TCP ports, connecting them where `connects` does not say so, and signals and
 * abstract sockets to the outside, as far as the kernel's version of it goes; 0 is a kernel without.
 *
 * Sources: seccomp(2), landlock(7), linux/filter.h, linux/landlock.h.
 */
#ifndef SEALTAP_OS_SANDBOX_H
#define SEALTAP_OS_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/err.h"

#define SANDBOX_ARGS 3
#define SANDBOX_STEPS 1024

/* An argument, all 64 bits of it: (argument & mask) == value. */
struct sandbox_arg {
	uint64_t mask, value;
	uint8_t index;
};

/* One way to make a call. A number may have several rows. */
struct sandbox_call {
	uint32_t number;
	uint32_t who;                         /* a row is a sandbox's if they share a bit */
	struct sandbox_arg arg[SANDBOX_ARGS]; /* all must hold; a mask of 0: no more of them */
};

#define SANDBOX_IS(index_, value_)                                       \
	{                                                                \
		.mask = UINT64_MAX, .value = (value_), .index = (index_) \
	}
/* value, and any of these bits. */
#define SANDBOX_BITS(index_, value_, bits_)                                      \
	{                                                                        \
		.mask = ~(uint64_t)(bits_), .value = (value_), .index = (index_) \
	}

struct sandbox {
	const struct sandbox_call *calls; /* static */
	size_t count;
	uint32_t who;
	bool connects;      /* TCP */
	const char *folder; /* files beneath it may be opened, to read and to write; NULL: none */
};

/* The working directory becomes `folder`: that keeps the kernel's entry for it, on which the right to it
 * hangs, from being given up and made anew. denied: is told a call's number, and may make calls of the list;
 * then the process dies. landlock: the kernel's version of it. */
enum err sandbox_enter(const struct sandbox *s, void (*denied)(int number), int *landlock) MUST_USE;

/* The filter alone. */
void sandbox_filter(const struct sandbox *s, struct sock_filter steps[SANDBOX_STEPS], uint16_t *count);

#endif
