/* linkwatch: what was lost before the ring could see it: dropped by the kernel ahead of the tap, missed by
 * the NIC, or held back by AWS beyond the instance's allowances (ENA). net looks every LINKWATCH_NS while the
 * links are set up, and when something changes; each new loss while forwarding is an alarm. Whether packets
 * can pass at all is told with it.
 *
 * Source of the ENA's counters: Amazon EC2 User Guide, "Monitor network performance for ENA settings".
 */
#ifndef SEALTAP_ROLE_NET_LINKWATCH_H
#define SEALTAP_ROLE_NET_LINKWATCH_H

#include "aws/cloudwatch.h"
#include "base/time.h"
#include "role/net/devices.h"

#define LINKWATCH_NS (10 * NS_PER_S)

/* A driver's counters: ethtool_counters. */
typedef enum err linkwatch_reader(const char *link, const char *const *names, size_t count, uint64_t *values);

/* Zeroed before the first use, but for read. */
struct linkwatch {
	linkwatch_reader *read; /* set by the owner */
	bool forwarding;        /* since the last look */
	bool begun[DEVICES];
	struct cloudwatch_sample
		last[DEVICES];            /* each link's counters, since it exists or its driver began anew */
	struct cloudwatch_sample counted; /* of all, since the first look */
};

/* links: as the kernel lists them now; ifindex: of outside, inside and evidence (0: none), whose traffic
 * alone counts: what it loses is no record's. forwarding: it is open, by the rules. Counters that begin anew
 * are counted from there; of what can't be read the last is kept. Sets *counted, whose forwarding is 1 only
 * when outside and inside are there too, up and with carrier. */
void linkwatch_look(struct linkwatch *w, const struct gateway_links *links, const uint32_t ifindex[DEVICES],
		    bool forwarding, struct cloudwatch_sample *counted);

#endif
