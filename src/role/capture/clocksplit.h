/* clocksplit: which packets the clock stamped before a step and which behind it, so that what an object says
 * of the clock holds for all of it. The word of a step and the packets come by different ways: packets from
 * before it may still wait in the ring, and some from behind it may have been taken already.
 *
 * Stamps tell them apart: a step forward skips some, and behind a step back they are less than the last one
 * by more than half of it. Without a packet that shows the step, clocksplit_expire() ends the wait. */
#ifndef SEALTAP_ROLE_CAPTURE_CLOCKSPLIT_H
#define SEALTAP_ROLE_CAPTURE_CLOCKSPLIT_H

#include "role/msg.h"

/* After this no packet from before the step is in the ring. */
#define CLOCKSPLIT_WAIT_NS (1000 * NS_PER_MS)

struct clocksplit {
	struct msg_clock now;  /* what holds for the packets that are taken */
	struct msg_clock next; /* where `waiting`: from the step on */
	uint64_t last_ns;      /* stamp of the last packet; 0: none yet */
	bool waiting;
};

/* Each returns whether another word holds from now on: the object ends. */
bool clocksplit_tell(struct clocksplit *s, const struct msg_clock *clock) MUST_USE;
/* Before the packet with this stamp is taken; again for the same one does nothing. */
bool clocksplit_packet(struct clocksplit *s, uint64_t ts_ns) MUST_USE;
bool clocksplit_expire(struct clocksplit *s) MUST_USE;

#endif
