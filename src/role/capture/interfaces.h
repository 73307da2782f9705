/* interfaces: which side a packet came in by, as a worker sees it, while links come and go.
 *
 * A link that comes back has a new index. When it is the same to whoever reads the recording (name, MAC
 * address and interface id), nothing changes; else an object of its own describes it: from the first packet
 * that it received. Packets that the old ones left in the ring still count as their side's.
 *
 * Word of a link leaves init before the link goes up, but a worker that is busy with its ring may see a
 * packet first: it reads what init has said so far, then asks again.
 */
#ifndef SEALTAP_ROLE_CAPTURE_INTERFACES_H
#define SEALTAP_ROLE_CAPTURE_INTERFACES_H

#include "role/msg.h"

#define INTERFACES_NEITHER 2
#define INTERFACES_UNTOLD 3

/* Zeroed before the first use. */
struct interfaces {
	struct msg_links now; /* [0] outside, [1] inside: as the open object describes them */
	struct msg_links next;
	bool has_next;
	uint32_t own_addr;  /* of the outside link, as known last */
	uint64_t asked_seq; /* a ring block with a packet of a link that is not known */
	uint64_t heard_seq; /* one of which all is heard that was said before its packets came */
};

void interfaces_take(struct interfaces *i, const struct msg_links *told);
/* For a packet of ring block block_seq, which is full: 0 outside, 1 inside; INTERFACES_UNTOLD: ask again
 * behind interfaces_heard(); or INTERFACES_NEITHER: a further link, which the filter admitted while nobody
 * knew which is which: no packet of ours. *turned: i->now has changed, and the open object must end before
 * this packet. */
uint32_t interfaces_side(struct interfaces *i, uint32_t ifindex, uint64_t block_seq, bool *turned);
/* All that init had said by now was taken. */
void interfaces_heard(struct interfaces *i);

#endif
