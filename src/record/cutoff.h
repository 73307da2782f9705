/* cutoff: how many bytes each direction of each flow has brought, so that what goes beyond a limit can be cut
 * to headers (capture.flow_cutoff).
 *
 * A direction is addresses, protocol and ports; a TCP SYN begins it anew. What names no ports (ICMP, later
 * fragments, what can't be read) is never beyond. State is a fixed table: eight places for each value of a
 * keyed hash, so that nobody without the key can make flows collide; a direction that was idle for
 * CUTOFF_IDLE_NS gives its place up. Where no place is left a flow is recorded in full, and counted: too much
 * is recorded rather than too little.
 */
#ifndef SEALTAP_RECORD_CUTOFF_H
#define SEALTAP_RECORD_CUTOFF_H

#include "base/siphash.h"
#include "base/time.h"
#include "record/headers.h"

#define CUTOFF_SETS 8192 /* a power of two */
#define CUTOFF_WAYS 8
#define CUTOFF_IDLE_NS (120 * NS_PER_S)

struct cutoff {
	uint64_t limit_bytes;
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t untracked; /* packets for which there was no place */
	struct cutoff_flow {
		uint64_t tag; /* hash of the flow's direction; 0: a free place */
		uint64_t bytes;
		uint64_t seen_ns;
	} flow[CUTOFF_SETS][CUTOFF_WAYS];
};

/* c is zeroed static storage. limit_bytes > 0. key: random. */
void cutoff_init(struct cutoff *c, uint64_t limit_bytes, const uint8_t key[SIPHASH_KEY_BYTES]);
/* A packet of `bytes` on the wire came now: true when its flow's direction had reached the limit before. */
bool cutoff_reached(struct cutoff *c, const struct headers *h, uint32_t bytes, uint64_t now_ns);

#endif
