/* top: sums by key over any number of records, in memory of fixed size: the heaviest keys are kept.
 *
 * Exact while there are no more than TOP_MAX keys. When one more comes, the lightest half is given up; a key
 * that comes again starts from nothing, so that a sum may then be too small by at most `missing`, never
 * too large.
 */
#ifndef SEALTAP_CLI_TOP_H
#define SEALTAP_CLI_TOP_H

#include "base/siphash.h"

#define TOP_MAX 131072u
#define TOP_KEY_MAX 40u

struct top_sum {
	uint8_t key[TOP_KEY_MAX]; /* zeros behind its bytes */
	uint64_t bytes, packets, flows;
	uint64_t refused; /* packets that were not forwarded */
};

/* Static storage. */
struct top {
	uint32_t count;
	uint64_t missing;                    /* by how many bytes a sum may be too small; 0: all are exact */
	uint8_t hash_key[SIPHASH_KEY_BYTES]; /* who sends packets chooses keys: he shall not make them collide
					      */
	struct top_sum sum[TOP_MAX];
	uint32_t slot[TOP_MAX * 2]; /* place in sum, plus 1 */
};

void top_begin(struct top *t);
/* key: at most TOP_KEY_MAX bytes. */
void top_add(struct top *t, struct span key, const struct top_sum *more);
/* Sorts sum by bytes, then packets, the most first; nothing is added after it. */
void top_sort(struct top *t);

#endif
