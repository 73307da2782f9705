/* backoff: how long to wait before the next try: exponential with full jitter, so that many appliances do not
 * come back at once. */
#ifndef SEALTAP_ROLE_BACKOFF_H
#define SEALTAP_ROLE_BACKOFF_H

#include <stdint.h>

struct backoff {
	uint64_t base_ms, cap_ms; /* set by the owner */
	unsigned tries;           /* failures in a row */
};

/* Counts a failure; the delay is even between base_ms/2 and min(cap_ms, base_ms * 2^tries). */
uint64_t backoff_next_ns(struct backoff *b);
void backoff_reset(struct backoff *b);

#endif
