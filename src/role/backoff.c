#include "role/backoff.h"

#include "base/time.h"
#include "os/rng.h"

uint64_t backoff_next_ns(struct backoff *b)
{
	uint64_t top_ms = b->base_ms << (b->tries < 16 ? b->tries : 16);
	if (top_ms > b->cap_ms)
		top_ms = b->cap_ms;
	b->tries++;
	uint64_t random, low_ms = b->base_ms / 2;
	rng_fill(&random, sizeof(random));
	return (low_ms + random % (top_ms - low_ms + 1)) * NS_PER_MS;
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
