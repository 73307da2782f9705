/* budget: how much of a day's volume is used and by which sources, and what therefore is kept of a packet
 * (budget.bytes_per_day).
 *
 * Up to 80 % of the budget everything is kept. From then on each source has a share of what is left, as
 * queues of a switch have of its memory (Choudhury, Hahne, "Dynamic queue length thresholds", 1998): its
 * packets are kept in full while all that was recorded of it today is less than what is left up to 90 %; else
 * they are cut to headers; and dropped when its headers alone are more than four times that, and more than
 * what is left in all. So the heaviest sources are cut first, the last tenth is for headers, the day's
 * packets never take more than the budget, and whoever floods, even with headers alone, leaves room for the
 * others. A flood whose every packet has another source has no heaviest: it is cut with all others.
 *
 * Where nothing may flow unrecorded (on_loss = stop) no source is dropped for its share: headers are kept of
 * each packet until they alone exceed what is left. With the first packet that is dropped the budget is used
 * up, until the day ends.
 *
 * Sources are counted by Space-Saving (Metwally, Agrawal, El Abbadi, 2005) in a fixed table: eight places for
 * each value of a keyed hash. What a newcomer inherits of the one it replaced is known and not held against
 * it: nobody is taken for heavier than it is. Days are UTC; a new one begins with nothing used.
 */
#ifndef SEALTAP_RECORD_BUDGET_H
#define SEALTAP_RECORD_BUDGET_H

#include "base/ip.h"
#include "base/siphash.h"

#define BUDGET_SETS 512 /* a power of two */
#define BUDGET_WAYS 8

enum budget_verdict { BUDGET_KEEP, BUDGET_CUT, BUDGET_DROP };

struct budget_source {
	struct ip address; /* zeros: packets without an address */
	uint64_t bytes;    /* recorded, with what was inherited; 0: a free place */
	uint64_t inherited;
	uint64_t header_bytes; /* of what was recorded */
	uint64_t cut, dropped; /* packets */
};

struct budget {
	uint64_t limit_bytes; /* a day */
	bool to_the_end;      /* headers are kept of each packet while there is room */
	uint8_t key[SIPHASH_KEY_BYTES];
	uint64_t day;          /* since 1970 */
	uint64_t used_bytes;   /* today */
	uint64_t cut, dropped; /* packets, today */
	struct budget_source source[BUDGET_SETS][BUDGET_WAYS];
};

/* b is zeroed static storage. limit_bytes > 0. to_the_end: as on_loss = stop wants it. key: random. */
void budget_init(struct budget *b, uint64_t limit_bytes, bool to_the_end,
		 const uint8_t key[SIPHASH_KEY_BYTES]);
/* A packet that takes `bytes` in full and `header_bytes` cut came from `source`. The verdict is counted.
 * Times are real. */
enum budget_verdict budget_decide(struct budget *b, const struct ip *source, uint64_t bytes,
				  uint64_t header_bytes, uint64_t now_ns);
/* Something took `bytes` whatever the budget says. */
void budget_took(struct budget *b, uint64_t bytes, uint64_t now_ns);
/* Packets were dropped today: with to_the_end, not even headers have room. */
bool budget_exhausted(struct budget *b, uint64_t now_ns);
/* 0..100 */
unsigned budget_used_percent(const struct budget *b);
/* The sources of which most packets were cut or dropped today, the heaviest first; how many were written. */
unsigned budget_heaviest(const struct budget *b, struct budget_source *out, unsigned max);

#endif
