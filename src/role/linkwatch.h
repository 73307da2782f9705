/* linkwatch: what was lost before the ring could see it: dropped by the kernel ahead of the tap, missed by
 * the NIC, or held back by AWS beyond the instance's allowances (ENA). net looks every LINKWATCH_NS while the
 * links are set up; each new loss while forwarding is an alarm.
 *
 * Source of the ENA's counters: Amazon EC2 User Guide, "Monitor network performance for ENA settings".
 */
#ifndef SEALTAP_ROLE_LINKWATCH_H
#define SEALTAP_ROLE_LINKWATCH_H

#include "aws/cloudwatch.h"
#include "base/time.h"
#include "role/gateway.h"

#define LINKWATCH_NS (10 * NS_PER_S)

/* Zeroed before the first use. */
struct linkwatch {
	bool begun;
	struct cloudwatch_sample start, last, now; /* the links' counters; since they exist */
};

/* The two links' ifindexes. *counted: since the first look. */
enum err linkwatch_look(struct linkwatch *w, struct gateway *g, uint32_t outside, uint32_t inside,
			bool forwarding, struct cloudwatch_sample *counted) MUST_USE;

#endif
