/* cutter: what is kept of a packet that the ring gave, in one decision: the operator's rules first, then the
 * flow's cutoff, then the day's budget.
 *
 * The appliance's own connections are left as the ring's filter cut them, whatever the rules say. A packet
 * whose headers can't be read is kept in full; of that the budget alone keeps 128 bytes where it has to cut,
 * so that nobody escapes it by sending nonsense. Where nothing is configured nothing is looked at. State is
 * this worker's and this process's: each worker has an equal share of the budget, and a worker that starts
 * anew begins to count anew.
 */
#ifndef SEALTAP_ROLE_CAPTURE_CUTTER_H
#define SEALTAP_ROLE_CAPTURE_CUTTER_H

#include "record/budget.h"
#include "record/cutoff.h"
#include "record/ring_walk.h"
#include "record/rules.h"
#include "role/msg.h"

#define CUTTER_UNREAD_KEPT 128 /* of a packet whose headers can't be read */

enum cutter_verdict {
	CUTTER_RECORD,  /* what is left of it */
	CUTTER_REFUSED, /* by a rule: it is `filtered` */
	CUTTER_DROPPED, /* by the budget: it is lost */
};

struct cutter {
	bool on; /* something is configured */
	bool has_cutoff, has_budget;
	uint32_t own_count;
	struct ip own[2 * MSG_LINK_OWN]; /* own addresses */
	struct rules rules;
	struct cutoff cutoff;
	struct budget budget;
	uint64_t dropped; /* packets, by the budget, since the start */
	/* what the log was told: */
	uint64_t said_ns, said_cut, said_dropped, said_untracked;
	unsigned said_percent;
	uint8_t frame[PCAPFILTER_SNAPLEN]; /* of a packet with a VLAN tag, for the rules; plaintext */
};

/* c is zeroed static storage. The settings passed rules_check(). Allocates. */
void cutter_init(struct cutter *c, const struct settings *s, uint32_t workers);
/* When the addresses are known. */
void cutter_own(struct cutter *c, const struct msg_links *links);
/* Once a packet, in the order of the ring. Shortens *p where it is to be cut. */
enum cutter_verdict cutter_decide(struct cutter *c, struct ring_packet *p);
/* The day's budget is used up: packets are dropped. */
bool cutter_exhausted(struct cutter *c);
/* Now and then: what is to be said in the log is said, each thing once a minute at most; at the end, now. */
void cutter_say(struct cutter *c, bool now);

#endif
