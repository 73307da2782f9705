/* top: sums by key over any number of records, in memory of fixed size: the heaviest keys are kept.
 *
 * Exact while there are no more than TOP_MAX keys. When one more comes, the lightest half is given up; a key
 * that comes again starts from nothing, so that a sum may then be too small by at most top_missing(), never
 * too large.
 */
#ifndef SEALTAP_CLI_TOP_H
#define SEALTAP_CLI_TOP_H

#include "base/span.h"

#define TOP_MAX 131072u
#define TOP_KEY_MAX 40u

struct top_sum {
	uint8_t key[TOP_KEY_MAX]; /* zeros behind its bytes */
	uint64_t bytes, packets, flows;
	uint64_t refused; /* packets that were not forwarded */
};

void top_begin(void);
/* key: at most TOP_KEY_MAX bytes. */
void top_add(struct span key, const struct top_sum *more);
/* Sorts by bytes, then packets, the most first; the sums, until the next top_begin. */
const struct top_sum *top_sorted(uint32_t *count);
/* By how many bytes a sum may be too small; 0: all are exact. */
uint64_t top_missing(void);

#endif
