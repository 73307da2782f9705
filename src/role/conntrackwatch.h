/* conntrackwatch: whether the table of flows has room, and the NAT ports. net looks with the links' counters;
 * an exhaustion is an alarm when it begins, a line when it is over.
 *
 * The kernel drops what finds no place; it never gives one place to two flows.
 */
#ifndef SEALTAP_ROLE_CONNTRACKWATCH_H
#define SEALTAP_ROLE_CONNTRACKWATCH_H

#include "net/ctstats.h"

struct conntrackwatch_counts {
	uint64_t flows, max;
	struct ctstats stats;
};

/* Flows that the table shall have room for: a sixteenth of the memory, at 512 bytes a flow with its
 * translation, counters and times; at least 65536. */
uint64_t conntrackwatch_room(uint64_t memory_bytes);

#define CONNTRACK_FULL "conntrack-full"
#define CONNTRACK_NO_PORT "no-nat-port"

/* Packets that it refused between two looks. Counters that begin anew count from 0. */
struct conntrackwatch_refused {
	uint64_t full;    /* the table had no room */
	uint64_t no_port; /* the flow's translation was another's */
};

struct conntrackwatch_refused conntrackwatch_refused(const struct ctstats *now, const struct ctstats *before);

/* Two packets of one flow on two processors may fail to enter it twice; that is not exhaustion. */
#define CONNTRACKWATCH_CLASHES 16

/* Zeroed before the first use. */
struct conntrackwatch {
	bool begun, full, no_ports;
	struct conntrackwatch_counts last;
	uint64_t refused, no_port;             /* packets, while it has been full, or without a port */
	struct conntrackwatch_refused counted; /* since the first look */
};

void conntrackwatch_look(struct conntrackwatch *w, const struct conntrackwatch_counts *now);

#endif
