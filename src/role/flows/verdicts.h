/* verdicts: packets that were recorded but not forwarded, counted by reason and tuple until they are written,
 * so that recorded does not look like delivered. Pure.
 *
 * The packet filter logs each with its reason (net/nflog.h). Where the appliance answers with an ICMP error
 * (reasons too-big, ttl, unreachable) it is that which is logged, and the packet within that is counted.
 */
#ifndef SEALTAP_ROLE_FLOWS_VERDICTS_H
#define SEALTAP_ROLE_FLOWS_VERDICTS_H

#include "base/ip.h"
#include "net/nflog.h"

#define VERDICTS_TUPLES 1024u
#define VERDICTS_REASONS 16u /* those with packets beyond the tuples; the last counts for all others */

struct verdicts_one {
	char reason[NFLOG_PREFIX_MAX];
	struct ip src, dst; /* zeros where the packet has no IP header */
	uint16_t sport, dport;
	uint8_t proto;
	bool other; /* packets of one reason beyond the tuples: the tuple is none */
	uint64_t packets, bytes, first_ns, last_ns;
};

/* Zeroed before the first use. */
struct verdicts {
	struct verdicts_one one[VERDICTS_TUPLES + VERDICTS_REASONS]; /* tuples, then those beyond */
	uint16_t index[2 * VERDICTS_TUPLES];                         /* hash table: place, plus 1 */
	uint8_t key[16];
	uint32_t count, others;
};

/* now_ns: real time, where the packet has none. */
void verdicts_take(struct verdicts *v, const struct nflog_packet *p, uint64_t now_ns);
/* The next one from number *i on; false past the last. */
bool verdicts_next(const struct verdicts *v, uint32_t *i, const struct verdicts_one **one);
void verdicts_reset(struct verdicts *v);

#endif
