/* pace: how many requests to one service may be under way, and when the next one may start. Sans I/O.
 *
 * The window begins at one, grows by one after as many good answers as it is wide, up to PACE_WINDOW_MAX,
 * and falls back to one when the service fails: then a single request at a time feels the way, after a delay
 * with full jitter that doubles up to PACE_CAP_MS, and not before the service's own Retry-After. That is the
 * retry budget: however much waits to be sent, an outage sees one request per delay from each appliance, and
 * its end no flood. Requests that were under way together and fail together count as one failure. Where the
 * time itself runs out, pace_hurry bounds each delay.
 *
 * Times are monotonic. Source: AWS Builders' Library, "Timeouts, retries and backoff with jitter".
 */
#ifndef SEALTAP_AWS_PACE_H
#define SEALTAP_AWS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_WINDOW_MAX 4
#define PACE_BASE_MS 500
#define PACE_CAP_MS 30000
#define PACE_HURRY_MS 2000
#define PACE_RETRY_AFTER_MAX_S 300 /* of a Retry-After no more is believed */

enum pace_outcome {
	PACE_GOOD,  /* the service did what was asked */
	PACE_ASIDE, /* it works, but not this request: says nothing about the pace */
	PACE_BAD,   /* it is overloaded, out of reach or refuses all */
};

/* Zeroed before the first use. */
struct pace {
	uint32_t window; /* 0 stands for 1 */
	uint32_t under_way;
	uint32_t good;          /* answers since the window changed */
	unsigned failures;      /* in a row */
	uint64_t failed_ns;     /* when the last of them was noticed */
	uint64_t not_before_ns; /* of the next request */
	bool hurried;
};

/* Whether one more may start now. */
bool pace_may_start(const struct pace *p, uint64_t now_ns);
void pace_started(struct pace *p);
/* One that began at started_ns has ended. random: any 64 bits. */
void pace_ended(struct pace *p, enum pace_outcome outcome, uint64_t started_ns, uint64_t now_ns,
		uint64_t retry_after_s, uint64_t random);
/* The machine will be off soon: from now on no delay, and no Retry-After, is longer than PACE_HURRY_MS, the
 * one under way included; it stays one request at a time after a failure. */
void pace_hurry(struct pace *p, uint64_t now_ns);

#endif
