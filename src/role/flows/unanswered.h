/* unanswered: flows that ended without an answer, a SYN flood above all: in a window of ten seconds the first
 * UNANSWERED_ALONE of a destination have records of their own, all others are one record together.
 *
 * What is left out of a record is only which flow had which source port. Pure; the window's beginning and end
 * are the caller's.
 */
#ifndef SEALTAP_ROLE_FLOWS_UNANSWERED_H
#define SEALTAP_ROLE_FLOWS_UNANSWERED_H

#include "net/ct.h"

#define UNANSWERED_ALONE 16
#define UNANSWERED_PACKETS_MAX 8 /* a flow with more is no part of a flood */
#define UNANSWERED_KEYS 4096u    /* destinations in a window; flows to further ones stand alone */
#define UNANSWERED_CROWDS 512u   /* of those with a record together; further ones stand alone */
#define UNANSWERED_SOURCES 8

/* All flows to one address, protocol and port beyond those that stand alone. */
struct unanswered_crowd {
	struct ip dst;
	uint16_t dport;
	uint8_t proto;
	uint32_t alone; /* records of their own in this window */
	uint64_t flows, packets, bytes, first_ns, last_ns;
	uint32_t source_count; /* different ones, of which the first are kept */
	bool more_sources;
	struct ip source[UNANSWERED_SOURCES];
};

/* Zeroed before the first use. */
struct unanswered {
	struct unanswered_crowd crowd[UNANSWERED_KEYS];
	uint16_t index[2 * UNANSWERED_KEYS]; /* hash table: place in crowd, plus 1 */
	uint8_t key[16];
	uint32_t count, crowds; /* destinations; of those with flows together */
};

/* A flow that ended. True: it is counted here and has no record of its own. */
bool unanswered_take(struct unanswered *u, const struct ct_flow *f);
/* The window is over: the next crowd from number *i on; false past the last. */
bool unanswered_next(const struct unanswered *u, uint32_t *i, const struct unanswered_crowd **c);
void unanswered_reset(struct unanswered *u);

#endif
