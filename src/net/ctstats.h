/* ctstats: what the kernel's connection tracking could not do, summed over its processors. Source:
 * linux/netfilter/nfnetlink_conntrack.h.
 */
#ifndef SEALTAP_NET_CTSTATS_H
#define SEALTAP_NET_CTSTATS_H

#include "net/nlmsg.h"

/* Packets since the network namespace exists; the kernel's numbers are of 32 bits for each processor. */
struct ctstats {
	uint64_t insert_failed; /* a flow's translation was taken: dropped */
	uint64_t drop;          /* dropped; insert_failed among them, the others found the table full */
	uint64_t early_drop;    /* flows without an answer that were given up for new ones */
};

/* Asks for the statistics of all processors. */
void ctstats_dump(struct buf *b, uint32_t seq);
/* Adds one processor's to *sum. ERR_NOT_FOUND: the message is about something else; ERR_SYNTAX. */
enum err ctstats_add(const struct nlmsg *m, struct ctstats *sum) MUST_USE;

#endif
