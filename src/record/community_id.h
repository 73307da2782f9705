/* community_id: Community ID version 1 with seed 0: a flow's name that other tools compute alike, for both of
 * its directions the same. Source: the Community ID flow hashing specification.
 */
#ifndef SEALTAP_RECORD_COMMUNITY_ID_H
#define SEALTAP_RECORD_COMMUNITY_ID_H

#include "base/ip.h"

#define COMMUNITY_ID_BYTES 30 /* "1:" and 20 bytes in base64 */

/* sport, dport: ports of TCP, UDP and SCTP; type and code of ICMP and ICMPv6; else they do not matter. */
struct community_id {
	struct ip src, dst;
	uint16_t sport, dport;
	uint8_t proto;
};

void community_id(struct buf *b, const struct community_id *f);

#endif
