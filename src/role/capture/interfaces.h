/* interfaces: which side a packet came in by, as a worker sees it, while links come and go.
 *
 * A link that comes back has a new index. When it is the same to whoever reads the recording (name, MAC
 * address and interface id), nothing changes; else an object of its own describes it: from the first packet
 * that it received. Packets that the old one left in the ring still count as its side's.
 */
#ifndef SEALTAP_ROLE_CAPTURE_INTERFACES_H
#define SEALTAP_ROLE_CAPTURE_INTERFACES_H

#include "role/msg.h"

#define INTERFACES_NEITHER 2

/* Zeroed before the first use. */
struct interfaces {
	struct msg_links now; /* [0] outside, [1] inside: as the open object describes them */
	struct msg_links next;
	bool has_next;
	uint32_t own_addr; /* of the outside link, as known last */
};

void interfaces_take(struct interfaces *i, const struct msg_links *told);
/* 0 outside, 1 inside, or INTERFACES_NEITHER: a further link, which the filter admitted while nobody knew
 * which is which. *turned: i->now has changed, and the open object must end before this packet. */
uint32_t interfaces_side(struct interfaces *i, uint32_t ifindex, bool *turned);

#endif
